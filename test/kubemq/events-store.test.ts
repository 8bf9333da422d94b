import { eventsStore, KubeMq, type EventsSubscription, type EventsStoreSubscribeOptions } from "millrace/kubemq";
import { afterEach, describe, expect, it } from "vitest";
import { storeServer, type StoreServer } from "./store-server.js";

const clients: KubeMq[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function subscribe(server: StoreServer, options: EventsStoreSubscribeOptions = {}): EventsSubscription {
  const client = new KubeMq({ carrier: server.carrier, clientId: "page one", retry: { baseMs: 0, maxMs: 1 } });
  clients.push(client);
  return eventsStore(client).subscribe("c", options);
}

async function take(subscription: EventsSubscription, count: number): Promise<bigint[]> {
  const taken: bigint[] = [];
  const iterator = subscription.values({ preventCancel: true });
  while (taken.length < count) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    taken.push(value.sequence);
  }
  await iterator.return?.();
  return taken;
}

const upTo = (from: number, to: number): bigint[] => Array.from({ length: to - from + 1 }, (_, index) => BigInt(from + index));

describe("eventsStore().subscribe()", () => {
  it.each<[string, EventsStoreSubscribeOptions, number, bigint]>([
    ["new events by default", {}, 1, 0n],
    ["new events", { from: "new" }, 1, 0n],
    ["the first", { from: "first" }, 2, 0n],
    ["the last", { from: "last" }, 3, 0n],
    ["a number", { from: { sequence: 7n } }, 4, 7n],
    ["a time, in nanoseconds", { from: { time: new Date(1_700_000_000_123) } }, 5, 1_700_000_000_123_000_000n],
    ["a time, in seconds for a server that wants those", { from: { time: new Date(1_700_000_000_123) }, timeUnit: "s" }, 5, 1_700_000_000n],
    ["a while ago, in whole seconds", { from: { agoMs: 1_500 } }, 6, 2n],
  ])("begins at %s", async (_, options, type, value) => {
    const server = storeServer();
    await subscribe(server, options).opened;
    await expect.poll(() => server.asked.length).toBe(1);
    expect(server.asked[0]).toMatchObject({ SubscribeTypeData: 2, Channel: "c", EventsStoreTypeData: type, EventsStoreTypeValue: value });
  });

  it("comes back under another client id after the last event that was handled", async () => {
    const server = storeServer();
    for (let n = 0; n < 5; n++) server.publish();
    const subscription = subscribe(server, { from: "first" });
    expect(await take(subscription, 5)).toEqual(upTo(1, 5));
    server.cut();
    server.publish();
    expect(await take(subscription, 1)).toEqual([6n]);
    const [first, second] = server.asked;
    expect(second).toMatchObject({ EventsStoreTypeData: 4, EventsStoreTypeValue: 6n });
    expect(second?.ClientID).not.toBe(first?.ClientID);
    for (const { ClientID } of server.asked) expect(ClientID).toMatch(/^page_one-[\w-]+$/);
  });

  it("loses and repeats nothing over 100 seeded series of cuts while a writer goes on", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const server = storeServer();
      const random = seeded(seed);
      server.publish();
      const subscription = subscribe(server, { from: "first" });
      const taken: bigint[] = [];
      while (taken.length < 60) {
        if (random() < 0.7) server.publish({ drop: random() < 0.2 });
        if (random() < 0.2) server.cut();
        server.publish();
        taken.push(...await take(subscription, 1));
      }
      expect({ seed, taken }).toEqual({ seed, taken: upTo(1, 60) });
      await subscription.close();
    }
  });

  it("mends a hole in the numbers by a call of its own, and the consumer sees each event once", async () => {
    const server = storeServer();
    server.publish();
    const subscription = subscribe(server, { from: "first" });
    expect(await take(subscription, 1)).toEqual([1n]);
    server.publish({ drop: true });
    server.publish({ drop: true });
    server.publish();
    expect(await take(subscription, 3)).toEqual([2n, 3n, 4n]);
    expect(server.asked[1]).toMatchObject({ EventsStoreTypeData: 4, EventsStoreTypeValue: 2n });
    await expect.poll(() => server.carrier.calls[1]?.call.signal?.aborted).toBe(true);
    expect(subscription.state).toEqual({ kind: "live" });
  });

  it("says `gap: true` where the broker no longer has what is missing", async () => {
    const server = storeServer();
    server.publish();
    const subscription = subscribe(server, { from: "first" });
    await take(subscription, 1);
    for (let n = 0; n < 3; n++) server.publish({ drop: true });
    server.expire(3n);
    server.publish();
    expect(await take(subscription, 2)).toEqual([4n, 5n]);
    expect(subscription.state).toEqual({ kind: "live", gap: true });
  });

  it("delivers what comes after a purge as new, although its numbers begin again", async () => {
    const server = storeServer();
    for (let n = 0; n < 3; n++) server.publish();
    const subscription = subscribe(server, { from: "first" });
    await take(subscription, 3);
    server.purge();
    for (let n = 0; n < 2; n++) server.publish();
    expect(await take(subscription, 2)).toEqual([1n, 2n]);
  });

  it("reads on while its consumer stalls, and leaves a call past its bound to come back for the rest", async () => {
    const server = storeServer();
    server.publish();
    const subscription = subscribe(server, { from: "first", maxWaiting: 100 });
    expect(await take(subscription, 1)).toEqual([1n]);
    for (let n = 0; n < 500; n++) server.publish();
    await expect.poll(() => server.carrier.calls[0]?.call.signal?.aborted).toBe(true);
    expect(await take(subscription, 500)).toEqual(upTo(2, 501));
  });

  it("takes the numbers of a group as they come, and says what a reconnect may have lost", async () => {
    const server = storeServer();
    server.publish();
    const subscription = subscribe(server, { from: "first", group: "g" });
    await take(subscription, 1);
    server.publish({ drop: true });
    server.publish();
    expect(await take(subscription, 1)).toEqual([3n]);
    expect(server.asked).toHaveLength(1);
    expect(subscription.state).toEqual({ kind: "live" });
    server.cut();
    server.publish();
    await take(subscription, 1);
    expect(subscription.state).toMatchObject({ gap: true });
  });

  it("counts a start at now from its first call, so that what came while a connection was lost is not missed", async () => {
    const server = storeServer();
    const subscription = subscribe(server);
    const first = take(subscription, 1);
    await expect.poll(() => server.asked.length).toBe(1);
    server.cut();
    server.publish();
    expect(await first).toEqual([1n]);
    expect(server.asked[1]).toMatchObject({ EventsStoreTypeData: 6, EventsStoreTypeValue: 1n });
  });
});

/** A small generator, the same series for the same seed. */
function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}
