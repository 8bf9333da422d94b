import { commands, events, eventsStore, KubeMq, queries, queues, type EventsSubscription, type KubeMqOptions, type ReceivedEvent } from "millrace/kubemq";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** A broker, and how clients reach it. */
export interface KubeMqBackend {
  readonly name: string;
  /** Options of a client of one broker that all tests share. */
  shared(): Promise<KubeMqOptions>;
}

const body = new TextEncoder().encode("hello");

/** What a KubeMQ does for users of our client; the numbers are those of the protocol's list of behaviours. */
export function kubemqSpec(backend: KubeMqBackend): void {
  describe(`KubeMQ, ${backend.name}`, () => {
    let client: KubeMq;
    beforeAll(async () => { client = new KubeMq({ ...(await backend.shared()), clientId: `spec-${crypto.randomUUID()}` }); });
    afterAll(() => client.close());
    const channel = (): string => `spec.${crypto.randomUUID()}`;

    /** Publishes to a subscription until something arrives: a broker does not say when it has taken one. */
    const inForce = async (subscription: EventsSubscription, to: string): Promise<AsyncIterableIterator<ReceivedEvent>> => {
      const iterator = subscription.values({ preventCancel: true });
      let arrived = false;
      const first = iterator.next().then(() => { arrived = true; });
      await expect.poll(async () => {
        await events(client).publish(to, { metadata: "probe" });
        return arrived;
      }).toBe(true);
      await first;
      return iterator;
    };
    const nextReal = async (iterator: AsyncIterableIterator<ReceivedEvent>): Promise<ReceivedEvent> => {
      for (;;) {
        const { value } = await iterator.next() as IteratorYieldResult<ReceivedEvent>;
        if (value.metadata !== "probe") return value;
      }
    };

    it("2: says who it is", async () => {
      const { host, startedAt, upTimeSeconds } = await client.ping();
      expect(host).not.toBe("");
      expect(Math.abs(startedAt.getTime() + upTimeSeconds * 1_000 - Date.now())).toBeLessThan(60_000);
    });

    it("5, 11: takes an event that nobody listens to, under the id it was given", async () => {
      expect(await events(client).publish(channel(), { id: "mine", body })).toEqual({ id: "mine" });
    });

    it("12, 13: brings an event to whose pattern matches, as it was sent", async () => {
      const name = channel();
      const subscription = events(client).subscribe(`${name}.*`);
      const iterator = await inForce(subscription, `${name}.a`);
      await events(client).publish(`${name}.b.c`, { body });
      await events(client).publish(`${name}.b`, { id: "e", metadata: "m", body, tags: { k: "v" } });
      expect((await nextReal(iterator)).toObject()).toEqual({ id: "e", channel: `${name}.b`, metadata: "m", body, timestamp: 0n, sequence: 0n, tags: { k: "v" } });
      await subscription.close();
    });

    it("25, 26: stores events in the order in which they were sent, numbered from 1", async () => {
      const name = channel();
      const results: string[] = [];
      for await (const { id, error } of eventsStore(client).publishAll(name, ["a", "b", "c"].map((id) => ({ id, body })))) results.push(`${id}${error === undefined ? "" : " refused"}`);
      expect(results).toEqual(["a", "b", "c"]);
      const taken = await take(eventsStore(client).subscribe(name, { from: "first" }), 3);
      expect(taken.map(({ id, sequence }) => [id, sequence])).toEqual([["a", 1n], ["b", 2n], ["c", 3n]]);
      for (const { timestamp } of taken) expect(timestamp).toBeGreaterThan(1_700_000_000_000_000_000n);
    });

    it("27: begins where it is told", async () => {
      const name = channel();
      for (let n = 0; n < 5; n++) await eventsStore(client).publish(name, { body });
      const [, , third] = await take(eventsStore(client).subscribe(name, { from: "first" }), 5);
      expect((await take(eventsStore(client).subscribe(name, { from: "last" }), 1))[0]?.sequence).toBe(5n);
      expect((await take(eventsStore(client).subscribe(name, { from: { sequence: 4n } }), 2)).map(({ sequence }) => sequence)).toEqual([4n, 5n]);
      expect((await take(eventsStore(client).subscribe(name, { from: { agoMs: 3_600_000 } }), 1))[0]?.sequence).toBe(1n);
      // A Date holds milliseconds, so that events of the same one come too.
      const since = new Date(Number((third as ReceivedEvent).timestamp / 1_000_000n));
      expect((await take(eventsStore(client).subscribe(name, { from: { time: since } }), 1))[0]?.sequence).toBeLessThanOrEqual(3n);
    });

    it("30, 32, 33: two subscriptions of one client stand beside each other, and one that is opened again starts where it is told", async () => {
      const name = channel();
      await eventsStore(client).publish(name, { body });
      await eventsStore(client).publish(name, { body });
      const first = eventsStore(client).subscribe(name, { from: "first" });
      expect((await take(first, 2, true)).length).toBe(2);
      expect((await take(eventsStore(client).subscribe(name, { from: "first" }), 2)).length).toBe(2);
      await first.close();
    });

    it("91 to 93: a command and a query get their replies", async () => {
      const name = channel();
      const serving = [
        commands(client).serve(name, ({ metadata }) => (metadata === "no" ? { error: "refused" } : { body, metadata: "dropped" })),
        queries(client).serve(name, (request) => ({ body: request.body, metadata: request.metadata, tags: request.tags })),
      ];
      await expect.poll(() => commands(client).send(name, { metadata: "probe", timeoutMs: 200 }).then(() => true, () => false)).toBe(true);
      await expect.poll(() => queries(client).send(name, { metadata: "probe", timeoutMs: 200 }).then(() => true, () => false)).toBe(true);
      expect(await commands(client).send(name, { metadata: "yes" })).toMatchObject({ executed: true, error: undefined });
      expect(await commands(client).send(name, { metadata: "no" })).toMatchObject({ executed: false, error: "refused" });
      expect(await queries(client).send(name, { metadata: "m", body, tags: { k: "v" } })).toMatchObject({ executed: true, metadata: "m", body, cacheHit: false, tags: { k: "v" } });
      const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => queries(client).send(name, { metadata: String(n) })));
      expect(replies.map(({ metadata }) => metadata)).toEqual(replies.map((_, n) => String(n)));
      for (const one of serving) await one.close();
    });

    it("94: a request that nobody answers is a timeout, after its time", async () => {
      const begun = performance.now();
      await expect(commands(client).send(channel(), { body, timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout", applied: "unknown" });
      expect(performance.now() - begun).toBeGreaterThan(190);
    });

    it("41, 42, 49: a queue gives its messages in order, with what the broker says of them", async () => {
      const name = channel();
      const sent = await queues(client).send(name, { id: "m1", metadata: "m", body, tags: { k: "v" }, expirationSeconds: 60 });
      expect((sent.expirationAt as Date).getTime() - (sent.sentAt as Date).getTime()).toBeGreaterThan(59_000);
      await queues(client).sendBatch([{ channel: name, id: "m2", body }, { channel: name, id: "m3", body }]);
      const taken = await queues(client).pull(name, { limit: 3 });
      expect(taken.map(({ id, receiveCount, maxReceiveCount }) => [id, receiveCount, maxReceiveCount])).toEqual([["m1", 1, 1_024], ["m2", 1, 1_024], ["m3", 1, 1_024]]);
      expect(taken[0]).toMatchObject({ channel: name, metadata: "m", tags: { k: "v" }, reRouted: false, delayedTo: undefined });
    });

    it("54, 55, 57: peek leaves messages, pull takes them, ackAll removes the rest", async () => {
      const name = channel();
      await queues(client).sendBatch(["a", "b", "c"].map((id) => ({ channel: name, id, body })));
      expect((await queues(client).peek(name, { limit: 3 })).map(({ id }) => id)).toEqual(["a", "b", "c"]);
      expect((await queues(client).pull(name)).map(({ id }) => id)).toEqual(["a"]);
      expect(await queues(client).ackAll(name)).toBe(2n);
      expect(await queues(client).pull(name)).toEqual([]);
    });
  });
}

async function take(subscription: EventsSubscription, count: number, preventCancel = false): Promise<ReceivedEvent[]> {
  const taken: ReceivedEvent[] = [];
  for await (const event of subscription.values({ preventCancel })) if (taken.push(event) === count) break;
  return taken;
}
