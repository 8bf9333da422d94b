// One stored event a message: KubeMQ's EventReceive, as its broker replays a channel.
import { randomBytes } from "node:crypto";
import { EventReceive } from "millrace/internal/gen/static/kubemq/kubemq";
import { enveloped } from "./envelope.mjs";

export const path = "/kubemq.kubemq/SubscribeToEvents";

/** The whole response of a replay of `count` events of about 300 bytes. */
export function responseOf(count) {
  return enveloped(Array.from({ length: count }, (_, n) => EventReceive.encode(stored(n)).finish()));
}

function stored(n) {
  return {
    EventID: `event-${n}`,
    Channel: "measured.replay",
    Metadata: `site-${n % 17}`,
    Body: randomBytes(300),
    Timestamp: 1_763_964_000_000_000_000n + BigInt(n),
    Sequence: BigInt(n + 1),
    Tags: new Map([["device", `device-${n % 1_000}`]]),
  };
}
