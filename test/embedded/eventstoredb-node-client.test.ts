import { randomUUID } from "node:crypto";
import {
  BACKWARDS, END, jsonEvent, KurrentDBClient, NO_STREAM, persistentSubscriptionToStreamSettingsFromDefaults, START, StreamDeletedError, streamNameFilter, StreamNotFoundError, WrongExpectedVersionError,
} from "@kurrent/kurrentdb-client";
import { listenEmbedded, type ListeningEmbedded } from "millrace-server/embedded/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let server: ListeningEmbedded;
let client: KurrentDBClient;
beforeEach(async () => {
  server = await listenEmbedded({ systems: ["eventstoredb"], eventstoredb: { projections: ["$by_category", "$by_event_type"] } });
  client = KurrentDBClient.connectionString(`kurrentdb://${server.address}?tls=false`);
});
afterEach(async () => {
  await client.dispose();
  await server.close();
});

const events = (count: number) => Array.from({ length: count }, (_, n) => jsonEvent({ id: randomUUID(), type: "Counted", data: { n } }));

/** The number that {@link events} gave an event. */
function numberOf(event: { data: unknown } | undefined): number {
  const data = event?.data;
  return typeof data === "object" && data !== null && "n" in data ? Number(data.n) : Number.NaN;
}

async function numbers(read: AsyncIterable<{ event?: { data: unknown } | undefined }>): Promise<number[]> {
  const seen: number[] = [];
  for await (const { event } of read) seen.push(numberOf(event));
  return seen;
}

describe("the official Node client on the embedded EventStoreDB", () => {
  it("appends and reads in both directions", async () => {
    const { nextExpectedRevision, success } = await client.appendToStream("order-1", events(3), { streamState: NO_STREAM });
    expect({ success, nextExpectedRevision }).toEqual({ success: true, nextExpectedRevision: 2n });
    expect(await numbers(client.readStream("order-1"))).toEqual([0, 1, 2]);
    expect(await numbers(client.readStream("order-1", { direction: BACKWARDS, fromRevision: END, maxCount: 2 }))).toEqual([2, 1]);
  });

  it("is told of a wrong version and of a stream that is not there", async () => {
    await client.appendToStream("order-1", events(1));
    await expect(client.appendToStream("order-1", events(1), { streamState: NO_STREAM })).rejects.toThrow(WrongExpectedVersionError);
    await expect(numbers(client.readStream("order-2"))).rejects.toThrow(StreamNotFoundError);
  });

  it("follows a stream, and all streams through a filter", async () => {
    await client.appendToStream("order-1", events(2));
    const stream = client.subscribeToStream("order-1", { fromRevision: START });
    const all = client.subscribeToAll({ filter: streamNameFilter({ prefixes: ["order-"] }) });
    for (const subscription of [stream, all]) {
      const seen: number[] = [];
      for await (const { event } of subscription) {
        seen.push(numberOf(event));
        if (seen.length === 2 && subscription === stream) await client.appendToStream("order-1", [jsonEvent({ type: "Counted", data: { n: 9 } })]);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual([0, 1, 9]);
      await subscription.unsubscribe().catch(() => undefined);
    }
  });

  it("keeps a persistent subscription: each event is acknowledged or parked, and the parked come again", async () => {
    await client.createPersistentSubscriptionToStream("order-1", "group", persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START }));
    await client.appendToStream("order-1", events(3));
    const parked = async (): Promise<number> =>
      Number((await client.getPersistentSubscriptionToStreamInfo("order-1", "group")).stats.parkedMessageCount);
    const first = client.subscribeToPersistentSubscriptionToStream("order-1", "group");
    const seen: number[] = [];
    for await (const resolved of first) {
      const n = numberOf(resolved.event);
      seen.push(n);
      if (n === 1 && seen.length === 2) await first.nack("park", "not today", resolved);
      else await first.ack(resolved);
      if (seen.length === 3) {
        await expect.poll(parked).toBe(1);
        await client.replayParkedMessagesToStream("order-1", "group");
      }
      if (seen.length === 4) break;
    }
    expect(seen).toEqual([0, 1, 2, 1]);
    expect(await parked()).toBe(0);
    await client.deletePersistentSubscriptionToStream("order-1", "group");
  });

  it("sets metadata, which hides events, and reads it back", async () => {
    await client.appendToStream("order-1", events(3));
    await client.setStreamMetadata("order-1", { maxCount: 1, shop: "north" });
    expect((await client.getStreamMetadata("order-1")).metadata).toMatchObject({ maxCount: 1, shop: "north" });
    expect(await numbers(client.readStream("order-1"))).toEqual([2]);
  });

  it("deletes a stream, writes it anew, and ends it", async () => {
    await client.appendToStream("order-1", events(2));
    await client.deleteStream("order-1");
    await expect(numbers(client.readStream("order-1"))).rejects.toThrow(StreamNotFoundError);
    expect((await client.appendToStream("order-1", events(1))).nextExpectedRevision).toBe(2n);
    await client.tombstoneStream("order-1");
    await expect(numbers(client.readStream("order-1"))).rejects.toThrow(StreamDeletedError);
  });

  it("reads links by category and by type, resolved", async () => {
    await client.appendToStream("order-1", events(1));
    await client.appendToStream("order-2", events(2));
    expect(await numbers(client.readStream("$ce-order", { resolveLinkTos: true }))).toEqual([0, 0, 1]);
    expect(await numbers(client.readStream("$et-Counted", { resolveLinkTos: true }))).toEqual([0, 0, 1]);
  });
});
