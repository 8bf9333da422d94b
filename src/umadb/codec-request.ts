import { ProtoWriter } from "./proto-writer.js";
import type { Query, ReadRequest, SubscribeRequest } from "../../gen/static/umadb/v1/umadb.js";

// Apart from the decoders, so that what appends, which is loaded on demand, needs this alone.

/** A query as a message inside another. */
export function writeQuery(query: Query | undefined): ProtoWriter | undefined {
  if (query === undefined) return undefined;
  const writer = new ProtoWriter();
  for (const { types, tags } of query.items) writer.message(1, new ProtoWriter().strings(1, types).strings(2, tags));
  return writer;
}

export function encodeRead({ query, start, backwards, limit, batchSize }: ReadRequest): Uint8Array {
  return new ProtoWriter().message(1, writeQuery(query)).number(2, start).number(3, backwards).number(4, limit).number(6, batchSize).finish();
}

export function encodeSubscribe({ query, after, batchSize }: SubscribeRequest): Uint8Array {
  return new ProtoWriter().message(1, writeQuery(query)).number(2, after).number(3, batchSize).finish();
}

/** A TrackingRequest or a HealthCheckRequest: one name, left out when it is empty. */
export function encodeName(name: string): Uint8Array {
  return new ProtoWriter().string(1, name === "" ? undefined : name).finish();
}
