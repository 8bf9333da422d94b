import { MillraceError } from "millrace";
import type { Carrier, CarrierCall, CarrierResponse } from "millrace/carrier";
import { EventStoreDb, eventTypes, jsonEvent, type ReceivedEvent } from "millrace/eventstoredb";
import { startEmbedded, type Embedded } from "millrace-server/embedded";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomFrom, type Random } from "../support/random-message.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** Subscriptions of each kind; each is cut several times. */
const RUNS = process.env["MILLRACE_LONG"] === "1" ? 350 : 4;
const EVENTS = 60;

/** Cuts subscriptions after some chunks, before or after their headers; everything else passes. */
function cutting(inner: Carrier, random: Random, cuts: { count: number }): Carrier {
  return {
    close: async () => {},
    call(call: CarrierCall): CarrierResponse {
      const response = inner.call(call);
      if (call.lane !== "live") return response;
      let left = random.int(6);
      const lost = (): MillraceError => {
        cuts.count += 1;
        void response.chunks.return?.();
        return new MillraceError("unavailable", "The connection was cut");
      };
      return {
        ...response,
        chunks: {
          next: async () => {
            if (left-- <= 0) throw lost();
            return response.chunks.next();
          },
          return: async () => (await response.chunks.return?.()) ?? { done: true, value: undefined },
        },
      };
    },
  };
}

describe("a subscription whose connection is cut again and again", () => {
  let embedded: Embedded;
  let writer: EventStoreDb;
  beforeAll(async () => {
    embedded = await startEmbedded({ systems: ["eventstoredb"] });
    writer = new EventStoreDb({ carrier: embedded.carrier });
  });
  afterAll(async () => {
    await writer.close();
    await embedded.close();
  });

  it.each(["a stream", "all streams", "all streams, by a filter"] as const)("delivers each event of %s once and in order", async (kind) => {
    const cuts = { count: 0 };
    for (let run = 0; run < RUNS; run++) {
      const random = randomFrom(seed, `${kind} ${run}`);
      const stream = `resume-${crypto.randomUUID()}`;
      const type = `T${stream.slice(7, 15)}`;
      const client = new EventStoreDb({ carrier: cutting(embedded.carrier, random, cuts), retry: { baseMs: 1, maxMs: 2 } });
      const start = await writer.commitPosition();
      const subscription = kind === "a stream"
        ? client.subscribeToStream(stream)
        : client.subscribeToAll({ after: start, filter: kind === "all streams" ? undefined : eventTypes({ include: [type] }) });
      const writing = write(writer, stream, type, random);
      const seen: bigint[] = [];
      for await (const event of subscription as AsyncIterable<ReceivedEvent>) {
        if (event.stream !== stream) continue;
        seen.push(event.revision);
        if (seen.length === EVENTS) break;
      }
      await writing;
      expect(seen, `${kind}, run ${run} of seed ${seed}`).toEqual(Array.from({ length: EVENTS }, (_, n) => BigInt(n)));
      await client.close();
    }
    expect(cuts.count).toBeGreaterThan(RUNS);
  }, 120_000);
});

/** Events of the type, among others of another stream that no filter chooses. */
async function write(client: EventStoreDb, stream: string, type: string, random: Random): Promise<void> {
  for (let written = 0; written < EVENTS;) {
    const count = Math.min(1 + random.int(12), EVENTS - written);
    await client.append(stream, Array.from({ length: count }, () => jsonEvent({ type, data: {} })));
    await client.append(`${stream}-other`, Array.from({ length: random.int(40) }, () => jsonEvent({ type: "Other", data: {} })));
    written += count;
  }
}
