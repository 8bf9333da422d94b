import type { AppendRequest, Event, TrackingInfo } from "../../gen/static/umadb/v1/umadb.js";
import type { AppendTools } from "./append-tools.js";
import type { ProtoWriter } from "./proto-writer.js";

/** Room for an event beside its data: more is found when it is needed. */
const USUAL_BYTES = 192;

/** An AppendRequest. As in all of protobuf's version 3, a field with its default is left out unless it is marked optional. */
export function encodeAppend({ events, condition, trackingInfo }: AppendRequest, { ProtoWriter: Writer, writeQuery }: AppendTools): Uint8Array {
  const writer = new Writer(events.reduce((room, { data }) => room + data.length + USUAL_BYTES, USUAL_BYTES));
  for (const event of events) writer.message(1, event, writeEvent);
  return writer
    .message(2, condition, ({ failIfEventsMatch, after }) => writer.message(1, failIfEventsMatch, writeQuery).number(2, after))
    .message(3, trackingInfo, writeTracking)
    .finish();
}

function writeEvent({ eventType, tags, data, uuid, metadata }: Event, writer: ProtoWriter): void {
  writer.string(1, eventType || undefined).strings(2, tags).bytes(3, data.length === 0 ? undefined : data).string(4, uuid || undefined);
  for (const entry of metadata) writer.message(5, entry, ({ key, value }) => writer.string(1, key || undefined).string(2, value || undefined));
}

function writeTracking({ source, position }: TrackingInfo, writer: ProtoWriter): void {
  writer.string(1, source || undefined).number(2, position || undefined);
}
