import { ProtoWriter } from "./proto-writer.js";
import type { Query, ReadRequest, SubscribeRequest } from "../../gen/static/umadb/v1/umadb.js";

// Apart from the decoders, so that what appends, which is loaded on demand, needs this alone.

/** The fields of a query, which is a message inside another. */
export function writeQuery({ items }: Query, writer: ProtoWriter): void {
  for (const item of items) writer.message(1, item, ({ types, tags }) => writer.strings(1, types).strings(2, tags));
}

export function encodeRead({ query, start, backwards, limit, batchSize }: ReadRequest): Uint8Array {
  return new ProtoWriter().message(1, query, writeQuery).number(2, start).number(3, backwards).number(4, limit).number(6, batchSize).finish();
}

export function encodeSubscribe({ query, after, batchSize }: SubscribeRequest): Uint8Array {
  return new ProtoWriter().message(1, query, writeQuery).number(2, after).number(3, batchSize).finish();
}

/** A TrackingRequest or a HealthCheckRequest: one name, left out when it is empty. */
export function encodeName(name: string): Uint8Array {
  return new ProtoWriter().string(1, name === "" ? undefined : name).finish();
}
