import type { AppendRequest, Event, TrackingInfo } from "../../gen/static/umadb/v1/umadb.js";
import type { AppendTools } from "./append-tools.js";
import type { ProtoWriter } from "./proto-writer.js";

/** An AppendRequest. As in all of protobuf's version 3, a field with its default is left out unless it is marked optional. */
export function encodeAppend({ events, condition, trackingInfo }: AppendRequest, { ProtoWriter: Writer, writeQuery }: AppendTools): Uint8Array {
  const writer = new Writer();
  for (const event of events) writer.message(1, writeEvent(event, Writer));
  return writer
    .message(2, condition && new Writer().message(1, writeQuery(condition.failIfEventsMatch)).number(2, condition.after))
    .message(3, trackingInfo && writeTracking(trackingInfo, new Writer()))
    .finish();
}

function writeEvent({ eventType, tags, data, uuid, metadata }: Event, Writer: typeof ProtoWriter): ProtoWriter {
  const writer = new Writer().string(1, eventType || undefined).strings(2, tags);
  writer.bytes(3, data.length === 0 ? undefined : data).string(4, uuid || undefined);
  for (const { key, value } of metadata) writer.message(5, new Writer().string(1, key || undefined).string(2, value || undefined));
  return writer;
}

function writeTracking({ source, position }: TrackingInfo, writer: ProtoWriter): ProtoWriter {
  return writer.string(1, source || undefined).number(2, position || undefined);
}
