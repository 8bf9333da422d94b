import { WebSocket } from "ws";
import { startEmbedded } from "millrace-server/embedded";
import { listenEmbedded } from "millrace-server/embedded/node";
import { EventStoreDb, jsonEvent, persistentSubscriptions, type PersistentEvent, type PersistentSubscription } from "millrace/eventstoredb";
import { eventStoreDbCarrier } from "millrace/eventstoredb/http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveGateway } from "../gateway/support/serve.js";
import { startFakeServer, grpcHeaders } from "../support/fake-grpc-server.js";
import { CuttingProxy } from "./cutting-proxy.js";

interface Opened {
  readonly db: EventStoreDb;
  close(): Promise<void>;
}

async function inProcess(): Promise<Opened> {
  const embedded = await startEmbedded({ systems: ["eventstoredb"] });
  return { db: new EventStoreDb({ carrier: embedded.carrier }), close: () => embedded.close() };
}

async function byHttp2(): Promise<Opened> {
  const embedded = await listenEmbedded({ systems: ["eventstoredb"] });
  const carrier = eventStoreDbCarrier(`esdb://${new URL(embedded.url).host}?tls=false`);
  return { db: new EventStoreDb({ carrier }), async close() { await carrier.close(); await embedded.close(); } };
}

async function throughGateway(): Promise<Opened & { readonly proxy: CuttingProxy }> {
  const embedded = await listenEmbedded({ systems: ["eventstoredb"] });
  const gateway = await serveGateway({ upstreams: { eventstoredb: { url: `esdb://${new URL(embedded.url).host}?tls=false` } } });
  const proxy = await CuttingProxy.start(gateway.port);
  const db = new EventStoreDb({ url: `http://127.0.0.1:${proxy.port}`, webSocket: WebSocket, retry: { attempts: 1_000, baseMs: 10, maxMs: 100 } });
  return { db, proxy, async close() { await db.close(); await proxy.close(); await gateway.close(); await embedded.close(); } };
}

const events = (count: number, from = 0) => Array.from({ length: count }, (_, at) => jsonEvent({ type: "t", data: from + at }));
const numberOf = ({ data }: { data: Uint8Array }): number => JSON.parse(new TextDecoder().decode(data)) as number;
const stream = (): string => `s-${crypto.randomUUID()}`;

/** Takes `count` events and leaves the subscription open. */
async function take(subscription: PersistentSubscription, count: number): Promise<PersistentEvent[]> {
  const taken: PersistentEvent[] = [];
  const iterator = subscription[Symbol.asyncIterator]();
  while (taken.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

describe.each([["in process", inProcess], ["by http2", byHttp2], ["through a gateway's tunnel", throughGateway]] as const)("persistentSubscriptions() %s", (_where, open) => {
  let opened: Opened;
  beforeAll(async () => { opened = await open(); });
  afterAll(async () => { await opened.db.close(); await opened.close(); });
  const groups = () => persistentSubscriptions(opened.db);

  it("creates a group with each setting, explicit defaults for the rest, and tells of it", async () => {
    const source = stream();
    await opened.db.append(source, events(1));
    await groups().create(source, "g", { start: "start", maxRetryCount: 3, strategy: "Pinned", extraStatistics: true });
    expect(await groups().info(source, "g")).toMatchObject({
      source, group: "g", connections: [], startFrom: "0", parkedMessageCount: 0n,
      settings: {
        resolveLinks: false, extraStatistics: true, messageTimeoutMs: 30_000, maxRetryCount: 3, checkpointAfterMs: 2_000, minCheckpointCount: 10, maxCheckpointCount: 1_000,
        maxSubscriberCount: 0, liveBufferSize: 500, readBatchSize: 20, historyBufferSize: 500, strategy: "Pinned",
      },
    });
    await groups().update(source, "g", { maxRetryCount: 4 });
    expect((await groups().info(source, "g")).settings).toMatchObject({ maxRetryCount: 4, strategy: "RoundRobin" });
    expect((await groups().list(source)).map(({ group }) => group)).toEqual(["g"]);
    expect((await groups().list()).map(({ source: of }) => of)).toContain(source);
    await groups().delete(source, "g");
    await expect(groups().info(source, "g")).rejects.toMatchObject({ code: "not_found", system: "eventstoredb" });
  });

  it("rejects for a group that is there, one that is not, and a reader too many", async () => {
    const source = stream();
    await groups().create(source, "g", { maxSubscriberCount: 1 });
    await expect(groups().create(source, "g")).rejects.toMatchObject({ code: "conflict" });
    await expect(groups().update(source, "other")).rejects.toMatchObject({ code: "not_found" });
    await expect(groups().receive(source, "other").opened).rejects.toMatchObject({ code: "not_found" });
    await using first = groups().receive(source, "g");
    await first.opened;
    expect(first.subscriptionId).toBe(`${source}::g`);
    await expect(groups().receive(source, "g").opened).rejects.toMatchObject({ code: "conflict" });
  });

  it("hands out each event until it is settled: acked, skipped, retried, parked and replayed", async () => {
    const source = stream();
    await opened.db.append(source, events(4));
    await groups().create(source, "g", { start: "start" });
    await using subscription = groups().receive(source, "g");
    const [acked, skipped, retried, parked] = await take(subscription, 4) as [PersistentEvent, PersistentEvent, PersistentEvent, PersistentEvent];
    expect([acked, skipped, retried, parked].map(({ revision, retryCount, redelivered }) => [revision, retryCount, redelivered])).toEqual([0n, 1n, 2n, 3n].map((revision) => [revision, 0, false]));
    expect(acked.ack()).toBe(true);
    expect(() => acked.ack()).toThrow(expect.objectContaining({ code: "conflict" }));
    skipped.nack("skip");
    retried.nack("retry");
    parked.nack("park", "not today");
    const [again] = await take(subscription, 1) as [PersistentEvent];
    expect(again).toMatchObject({ revision: 2n, retryCount: 1, redelivered: true });
    again.ack();
    await expect.poll(async () => (await groups().info(source, "g")).parkedMessageCount).toBe(1n);
    await groups().replayParked(source, "g");
    const [replayed] = await take(subscription, 1) as [PersistentEvent];
    expect(numberOf(replayed)).toBe(3);
    expect(replayed).toMatchObject({ retryCount: 0, redelivered: false });
    expect(replayed.link?.stream).toContain("-parked");
    replayed.ack();
    await expect.poll(async () => (await groups().info(source, "g")).totalInFlightMessages).toBe(0);
  });

  it("hands out no more than bufferSize events that are not settled", async () => {
    const source = stream();
    await opened.db.append(source, events(9));
    await groups().create(source, "g", { start: "start" });
    await using subscription = groups().receive(source, "g", { bufferSize: 3 });
    const first = await take(subscription, 3);
    expect((await groups().info(source, "g")).totalInFlightMessages).toBe(3);
    for (const event of first) event.ack();
    expect((await take(subscription, 3)).map(({ revision }) => revision)).toEqual([3n, 4n, 5n]);
  });

  it("follows all streams by a filter that was given when the group was created", async () => {
    const source = stream();
    const type = `type-${crypto.randomUUID()}`;
    await groups().create("$all", type, { start: "start", filter: { by: "type", prefixes: [type] } });
    await opened.db.append(source, [jsonEvent({ type: "other", data: 0 }), jsonEvent({ type, data: 1 })]);
    await using subscription = groups().receive("$all", type);
    const [event] = await take(subscription, 1) as [PersistentEvent];
    expect(event.toObject()).toMatchObject({ stream: source, type });
    event.ack();
    await groups().delete("$all", type);
  });

  it("comes back when its group is updated, marks what comes again, and ends when it is deleted", async () => {
    const source = stream();
    await opened.db.append(source, events(1));
    await groups().create(source, "g", { start: "start" });
    await using subscription = groups().receive(source, "g");
    const [before] = await take(subscription, 1) as [PersistentEvent];
    await groups().update(source, "g", { start: "start" });
    const [after] = await take(subscription, 1) as [PersistentEvent];
    expect(after).toMatchObject({ id: before.id, redelivered: true });
    expect(before.ack()).toBe(false);
    expect(after.ack()).toBe(true);
    const rest = take(subscription, 1);
    await groups().delete(source, "g");
    await expect(rest).rejects.toMatchObject({ code: "not_found" });
    expect(subscription.state).toMatchObject({ kind: "closed" });
  });

  it("sends what was settled before it closes", async () => {
    const source = stream();
    await opened.db.append(source, events(2));
    await groups().create(source, "g", { start: "start" });
    for await (const event of groups().receive(source, "g")) {
      event.ack();
      if (event.revision === 1n) break;
    }
    await using second = groups().receive(source, "g");
    await opened.db.append(source, events(1, 2));
    const [next] = await take(second, 1) as [PersistentEvent];
    expect(next).toMatchObject({ revision: 2n, redelivered: false });
  });

  it("ends at once by an abort, with its reason", async () => {
    const source = stream();
    await groups().create(source, "g");
    const abort = new AbortController();
    const next = take(groups().receive(source, "g", { signal: abort.signal }), 1);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(next).rejects.toBe(reason);
  });
});

describe("persistentSubscriptions()", () => {
  it("refuses wrong arguments before anything is sent", async () => {
    const db = new EventStoreDb({ carrier: { call: () => { throw new Error("sent"); }, close: async () => {} } });
    const groups = persistentSubscriptions(db);
    const refused = { code: "invalid_argument", applied: "no" };
    await expect(groups.create("", "g")).rejects.toMatchObject(refused);
    await expect(groups.create("s", "")).rejects.toMatchObject(refused);
    await expect(groups.create("s", "g", { start: -1n })).rejects.toMatchObject(refused);
    await expect(groups.create("s", "g", { maxRetryCount: 0.5 })).rejects.toMatchObject(refused);
    await expect(groups.create("s", "g", { filter: { by: "type", prefixes: ["a"] } })).rejects.toMatchObject(refused);
    await expect(groups.create("s", "g", { maxRetries: 3 } as object)).rejects.toMatchObject(refused);
    await expect(groups.update("s", "g", { strategy: "PinnedByCorrelation" })).rejects.toMatchObject(refused);
    expect(() => groups.receive("s", "g", { bufferSize: 0 })).toThrow(expect.objectContaining(refused));
  });

  it("waits for a server that confirms nothing no longer than for a connection, and tries again", async () => {
    const server = await startFakeServer(({ stream: silent }) => silent.respond(grpcHeaders, { waitForTrailers: true }));
    const carrier = eventStoreDbCarrier(`esdb://${new URL(server.url).host}?tls=false`);
    const db = new EventStoreDb({ carrier, connectTimeoutMs: 100 });
    const subscription = persistentSubscriptions(db).receive("s", "g");
    const states: string[] = [];
    subscription.onStateChange(({ kind }) => states.push(kind));
    const opened = subscription.opened;
    opened.catch(() => {});
    await expect.poll(() => states).toContain("waiting");
    expect(subscription.state).toMatchObject({ cause: { code: "timeout" } });
    await subscription.close();
    await carrier.close();
    await server.close();
  });

  it("loses none of 1 000 events while the tunnel is cut ten times, and acks each at least once", async () => {
    const { db, proxy, close } = await throughGateway();
    const source = stream();
    const groups = persistentSubscriptions(db);
    await groups.create(source, "g", { start: "start", messageTimeoutMs: 60_000, maxRetryCount: 100 });
    for (let at = 0; at < 1_000; at += 200) await db.append(source, events(200, at));
    const acked = new Map<number, number>();
    const unmarked: number[] = [];
    let handed = 0;
    const subscription = groups.receive(source, "g", { bufferSize: 20 });
    for await (const event of subscription) {
      const number = numberOf(event);
      if (acked.has(number) && !event.redelivered) unmarked.push(number);
      if (event.ack()) acked.set(number, (acked.get(number) ?? 0) + 1);
      if (++handed % 95 === 0 && proxy.cuts < 10) proxy.cut();
      if (acked.size === 1_000 && proxy.cuts === 10) break;
    }
    expect(acked.size).toBe(1_000);
    expect(proxy.cuts).toBe(10);
    expect(unmarked).toEqual([]);
    await close();
  });
});
