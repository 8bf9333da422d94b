// One event a message: EventStoreDB's ReadResp, as its server sends it.
import { randomBytes, randomUUID } from "node:crypto";
import { ReadResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { enveloped } from "./envelope.mjs";

export const path = "/event_store.client.streams.Streams/Read";

/** Far enough for every varint of a position to have its usual length. */
const FIRST_COMMIT = 5_000_000_000;

/** The whole response of a read of `count` events, about 300 bytes of payload and names each. */
export function responseOf(count) {
  return enveloped(Array.from({ length: count }, (_, n) => ReadResp.encode({ content: { $case: "event", value: readEvent(n) } }).finish()));
}

function readEvent(n) {
  const position = BigInt(FIRST_COMMIT + n * 420);
  return {
    event: {
      id: { value: { $case: "string", value: randomUUID() } },
      streamIdentifier: { streamName: Buffer.from(`device-${n % 1_000}`) },
      streamRevision: BigInt(n),
      preparePosition: position,
      commitPosition: position,
      metadata: new Map([["type", `Measured${n % 9}`], ["content-type", "application/json"], ["created", String(17_639_640_000_000_000n + BigInt(n) * 1_000n)]]),
      customMetadata: randomBytes(40),
      data: randomBytes(130 + (n % 101)),
    },
    link: undefined,
    position: { $case: "commitPosition", value: position },
  };
}
