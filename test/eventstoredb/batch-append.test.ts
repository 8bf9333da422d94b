import { WebSocket } from "ws";
import { startEmbedded } from "millrace-server/embedded";
import { listenEmbedded } from "millrace-server/embedded/node";
import type { Carrier, CarrierCall } from "millrace/carrier";
import { EventStoreDb, jsonEvent, MaximumAppendSizeError, StreamDeletedError, WrongExpectedVersionError, type EventStoreDbOptions } from "millrace/eventstoredb";
import { eventStoreDbCarrier } from "millrace/eventstoredb/http2";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { afterEach, describe, expect, it } from "vitest";
import { serveGateway } from "../gateway/support/serve.js";
import { startFakeServer } from "../support/fake-grpc-server.js";
import { CuttingProxy } from "./cutting-proxy.js";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

const BATCH = eventstoredbMethods.batchAppend.path;
const SEED = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 1_000_000);

/** Counts the calls of a carrier by method, and may change what a call is answered with. */
function watched(inner: Carrier, instead?: (call: CarrierCall) => CarrierCall): { carrier: Carrier; calls: string[] } {
  const calls: string[] = [];
  return { calls, carrier: { call: (call) => { calls.push(call.path); return inner.call(instead?.(call) ?? call); }, close: () => inner.close() } };
}

function client(options: EventStoreDbOptions): EventStoreDb {
  const db = new EventStoreDb(options);
  cleanUp.push(() => db.close());
  return db;
}

async function embedded() {
  const started = await startEmbedded({ systems: ["eventstoredb"], eventstoredb: { shuffleBatchAnswers: SEED } });
  cleanUp.push(() => started.close());
  return started;
}

const stream = (): string => `s-${crypto.randomUUID()}`;
const events = (count: number) => Array.from({ length: count }, (_, n) => jsonEvent({ type: "t", data: n }));

/** Appends 1, 2, … events to as many streams at once; each append's answer is known by its revision. */
async function appendToMany(db: EventStoreDb, count: number): Promise<void> {
  const streams = Array.from({ length: count }, stream);
  const results = await Promise.all(streams.map((name, at) => db.append(name, events(at + 1), { expectedRevision: "no_stream" })));
  expect(results.map(({ nextRevision }) => nextRevision)).toEqual(streams.map((_, at) => BigInt(at)));
  for (const [at, name] of streams.entries()) {
    const [last] = await db.readStream(name, { backwards: true, limit: 1 }).toArray();
    expect([last?.revision, last?.position]).toEqual([BigInt(at), results[at]?.position]);
  }
}

describe("append() of many at once", () => {
  it(`shares a call, and no answer reaches the wrong caller, in whatever order they come (seed ${SEED})`, async () => {
    const { carrier } = await embedded();
    const two = [watched(carrier), watched(carrier)] as const;
    await Promise.all(two.map((each) => appendToMany(client({ carrier: each.carrier }), 25)));
    for (const { calls } of two) {
      expect(calls.filter((path) => path === BATCH)).toHaveLength(1);
      expect(calls.filter((path) => path === eventstoredbMethods.append.path)).toHaveLength(2);
    }
  });

  it(`shares a call by http2 and through a gateway's tunnel (seed ${SEED})`, async () => {
    const { url, close } = await listenEmbedded({ systems: ["eventstoredb"], eventstoredb: { shuffleBatchAnswers: SEED } });
    const connection = `esdb://${new URL(url).host}?tls=false`;
    const carrier = eventStoreDbCarrier(connection);
    const gateway = await serveGateway({ upstreams: { eventstoredb: { url: connection } } });
    cleanUp.push(close, () => gateway.close(), () => carrier.close());
    const own = watched(carrier);
    await Promise.all([appendToMany(client({ carrier: own.carrier }), 25), appendToMany(client({ url: gateway.url, webSocket: WebSocket }), 25)]);
    expect(own.calls.filter((path) => path === BATCH)).toHaveLength(1);
  });

  it("rejects each with its own error, and the others go through", async () => {
    const { carrier } = await embedded();
    const db = client({ carrier });
    const [taken, gone] = [stream(), stream()];
    await db.append(taken, events(3));
    await db.append(gone, events(1));
    await db.tombstoneStream(gone);
    const busy = [db.append(stream(), events(1)), db.append(stream(), events(1))];
    const [conflict, deleted, large, good] = await Promise.allSettled([
      db.append(taken, events(1), { expectedRevision: 7n }), db.append(gone, events(1)),
      db.append(stream(), [{ type: "t", data: new Uint8Array(1_048_000) }, { type: "t", data: new Uint8Array(500) }]), db.append(stream(), events(2)),
    ]);
    await Promise.all(busy);
    expect(conflict).toMatchObject({ reason: { name: "WrongExpectedVersionError", code: "conflict", stream: taken, expected: 7n, actual: 2n, applied: "no" } });
    expect((conflict as PromiseRejectedResult).reason).toBeInstanceOf(WrongExpectedVersionError);
    expect((deleted as PromiseRejectedResult).reason).toBeInstanceOf(StreamDeletedError);
    expect(large.status === "fulfilled" || large.reason instanceof MaximumAppendSizeError).toBe(true);
    expect(good).toMatchObject({ value: { nextRevision: 1n } });
  });

  it("goes by calls of its own where the carrier or the server has no shared one, and does not ask again", async () => {
    const { fetch } = await embedded();
    const db = client({ url: "http://embedded", fetch });
    await appendToMany(db, 6);
    const { carrier } = await embedded();
    const old = watched(carrier, (call) => (call.path === BATCH ? { ...call, path: "/event_store.client.streams.Streams/Unknown" } : call));
    const other = client({ carrier: old.carrier });
    await appendToMany(other, 6);
    await appendToMany(other, 6);
    expect(old.calls.filter((path) => path === BATCH)).toHaveLength(1);
  });

  it("goes by a call of its own where it has headers of its own, or is large", async () => {
    const { carrier } = await embedded();
    const own = watched(carrier);
    const db = client({ carrier: own.carrier });
    await Promise.all([1, 2, 3, 4].map(() => db.append(stream(), events(1), { headers: { authorization: "Basic eDp5" } })));
    expect(own.calls).not.toContain(BATCH);
  });

  it("writes each once, and all, when the shared call is cut", async () => {
    const { url, close } = await listenEmbedded({ systems: ["eventstoredb"] });
    const proxy = await CuttingProxy.start(Number(new URL(url).port));
    const carrier = eventStoreDbCarrier(`esdb://127.0.0.1:${proxy.port}?tls=false`);
    cleanUp.push(close, () => proxy.close(), () => carrier.close());
    const own = watched(carrier);
    const db = client({ carrier: own.carrier, retry: { attempts: 20, baseMs: 5, maxMs: 50 } });
    const streams = Array.from({ length: 40 }, stream);
    const appended = Promise.all(streams.map((name) => db.append(name, events(2), { expectedRevision: "no_stream" })));
    await expect.poll(() => own.calls).toContain(BATCH);
    proxy.cut();
    expect((await appended).map(({ nextRevision }) => nextRevision)).toEqual(streams.map(() => 1n));
    for (const name of streams) expect(await db.streamRevision(name)).toBe(1n);
  });

  it("ends with the caller's reason at an abort, and the others go on", async () => {
    const { carrier } = await embedded();
    const db = client({ carrier });
    const abort = new AbortController();
    const others = [1, 2, 3].map(() => db.append(stream(), events(1)));
    const left = db.append(stream(), events(1), { signal: abort.signal });
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(left).rejects.toBe(reason);
    expect(await Promise.all(others)).toHaveLength(3);
  });

  it("ends within its time where a server takes appends and answers none", async () => {
    const server = await startFakeServer(({ stream: silent }) => silent.resume());
    const carrier = eventStoreDbCarrier(`esdb://${new URL(server.url).host}?tls=false`);
    cleanUp.push(() => server.close(), () => carrier.close());
    const db = client({ carrier, timeoutMs: 100, retry: false });
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => db.append(stream(), events(1))));
    for (const result of results) expect(result).toMatchObject({ reason: { code: "timeout", applied: "unknown" } });
  });
});
