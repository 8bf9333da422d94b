import type { PayloadCodec } from "../core/codec.js";
import { ViewReader, type Part } from "../wire/view-reader.js";
import { readEvent, type EventView } from "./views.js";

/** What the server sends to a reader of a group: what it calls it, then events with the number of times they were handed out. */
export type PersistentMessage<Data> =
  | { readonly subscriptionId: string; readonly event?: undefined }
  | { readonly event: EventView<Data>; readonly retryCount: number };

/**
 * The messages in a chunk of data envelopes, in order; events are views on it.
 *
 * @throws {MillraceError} `protocol` for a chunk whose structure is wrong; none of it is handed out then.
 */
export function readPersistent<Data>(chunk: Uint8Array, codec: PayloadCodec<Data> | undefined): PersistentMessage<Data>[] {
  const reader = new ViewReader(chunk, "eventstoredb");
  const messages: PersistentMessage<Data>[] = [];
  for (let end = reader.envelope(); end !== 0; end = reader.envelope()) {
    const message = readMessage(reader, end, codec);
    if (message !== undefined) messages.push(message);
    reader.at = end;
  }
  return messages;
}

function readMessage<Data>(reader: ViewReader, end: number, codec: PayloadCodec<Data> | undefined): PersistentMessage<Data> | undefined {
  let kind = 0;
  let part: Part = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10 || key === 18) {
      part = reader.part(key === kind ? part : 0);
      kind = key;
    } else reader.skip(key);
  }
  if (kind === 0) return undefined;
  const source = typeof part === "number" ? reader : part;
  const stop = source.enter(part);
  if (kind === 18) return { subscriptionId: subscriptionIdOf(source, stop) };
  const { at } = source;
  const event = readEvent(source, stop, codec);
  source.at = at;
  return event && { event, retryCount: retryCountOf(source, stop) };
}

function subscriptionIdOf(reader: ViewReader, end: number): string {
  let id = "";
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) id = reader.text();
    else reader.skip(key);
  }
  return id;
}

/** Of the two members of the oneof the last one counts; the number is never negative. */
function retryCountOf(reader: ViewReader, end: number): number {
  let count = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 40) count = Number(reader.uint64());
    else {
      if (key === 50) count = 0;
      reader.skip(key);
    }
  }
  return count;
}
