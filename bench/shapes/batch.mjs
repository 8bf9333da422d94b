// Many events a message: UmaDB's ReadResponse with 1 024 events, as its server sends them by default.
import { randomBytes, randomUUID } from "node:crypto";
import { ReadResponse } from "millrace/internal/gen/static/umadb/v1/umadb";
import { batchesOf, enveloped } from "./envelope.mjs";

export const path = "/umadb.v1.DCB/Read";

const PER_MESSAGE = 1_024;

/** The whole response of a read of `count` events, about 300 bytes each. */
export function responseOf(count) {
  const messages = [];
  for (const numbers of batchesOf(count, PER_MESSAGE)) {
    messages.push(ReadResponse.encode({ events: numbers.map(sequencedEvent), head: BigInt(count) }).finish());
  }
  return enveloped(messages);
}

function sequencedEvent(n) {
  return { position: BigInt(n + 1), event: { ...eventOf(n), metadata: [] } };
}

/** The fields of one event, random where that matters: data that nothing compresses, ids that never repeat. */
export function eventOf(n) {
  return { eventType: `Measured${n % 9}`, tags: [`device-${n % 1_000}`, `site-${n % 17}`], data: randomBytes(150 + (n % 101)), uuid: randomUUID() };
}
