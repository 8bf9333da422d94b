import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AppendRequest, SubscribeRequest, SubscribeResponse } from "../../gen/static/umadb/v1/umadb.js";
import { Upstream, type UpstreamOptions } from "../../src/carrier/http2/upstream.js";
import { EnvelopeReader } from "../../src/wire/envelope-reader.js";
import { encodeEnvelope, payloadsOf } from "../../src/wire/frames.js";
import { umadbMethods } from "../../src/wire/methods.js";
import { startCountingProxy, type CountingProxy } from "../support/counting-proxy.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { eventually, openRecorded, type RecordedCall } from "../support/upstream-call.js";

const { subscribe, append, head } = umadbMethods;

let umadb: UmaDbServer;
const cleanUp: (() => Promise<void>)[] = [];

beforeAll(async () => void (umadb = await startUmaDb()));
afterAll(() => umadb.close());
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

function upstreamOf(url: string, options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = new Upstream({ url, ...options });
  cleanUp.push(() => upstream.close());
  return upstream;
}

async function proxyOf(options: { maxConcurrentStreams?: number } = {}): Promise<CountingProxy> {
  const proxy = await startCountingProxy({ target: umadb.url, ...options });
  cleanUp.push(proxy.close);
  return proxy;
}

/** An append of one event; with `unique`, on condition that there is none of its type. */
function appendOf(upstream: Upstream, type: string, data: Uint8Array, unique: boolean): RecordedCall {
  const condition = unique ? { failIfEventsMatch: { items: [{ types: [type], tags: [] }] } } : undefined;
  const events = [{ eventType: type, tags: [], data, uuid: "", metadata: [] }];
  return openRecorded(upstream, append, encodeEnvelope(AppendRequest.encode({ events, condition }).finish()));
}

/** A subscription to a type's new events. */
function subscribeTo(upstream: Upstream, type: string, onEvent?: (name: string, call: RecordedCall) => void): RecordedCall {
  const request = { query: { items: [{ types: [type], tags: [] }] }, after: 0n };
  return openRecorded(upstream, subscribe, encodeEnvelope(SubscribeRequest.encode(request).finish()), onEvent);
}

/** Positions of the events that a subscription got. */
function positionsOf({ chunks }: RecordedCall): bigint[] {
  const reader = new EnvelopeReader({ maxMessageBytes: 16 * 1024 * 1024, framing: "grpc" });
  const whole: Uint8Array[] = [];
  for (const chunk of chunks) reader.push(chunk, whole);
  return whole.flatMap(payloadsOf).flatMap((payload) => SubscribeResponse.decode(payload).events).map(({ position }) => position);
}

/** Neighbours that subscribe to a type, on an upstream that others disturb. */
async function neighbours(upstream: Upstream, type: string, count: number) {
  const calls = Array.from({ length: count }, () => subscribeTo(upstream, type));
  await Promise.all(calls.map((call) => call.until(({ events }) => events.includes("headers"))));
  const direct = upstreamOf(umadb.url);
  let appended = 0;
  return {
    calls,
    /** Appends an event and measures, in milliseconds, until all neighbours have it. */
    async deliver(): Promise<number> {
      await appendOf(direct, type, Buffer.alloc(20), false).over;
      appended++;
      const start = performance.now();
      await Promise.all(calls.map((call) => call.until(() => positionsOf(call).length >= appended)));
      return performance.now() - start;
    },
    expectWhole(): void {
      for (const call of calls) {
        expect(new Set(positionsOf(call)).size).toBe(appended);
        expect(call.events.filter((name) => name !== "data")).toEqual(["headers"]);
      }
    },
  };
}

describe("a conflict whose text Node cannot receive", () => {
  it.each([
    ["64 KiB of 0xff", 65_536, 0xff],
    ["12 000 bytes of 0xff, just over the edge", 12_000, 0xff],
    ["16 000 bytes of 0x61", 16_000, 0x61],
    ["20 000 bytes of 0x01", 20_000, 1],
  ])("ends within a second, proven to be answered: a stored event with %s", async (what, size, fill) => {
    const upstream = upstreamOf(umadb.url);
    const data = Buffer.alloc(size, fill);
    await appendOf(upstream, what, data, true).over;
    const start = performance.now();
    const conflict = appendOf(upstream, what, data, true);
    await conflict.over;
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(conflict.events).toEqual(["late", "fail"]);
    expect(conflict.failure).toMatchObject({ sent: true, answered: true, error: { code: "unavailable", applied: "unknown" } });
  });

  it("is an ordinary conflict as long as it fits", async () => {
    const upstream = upstreamOf(umadb.url);
    await appendOf(upstream, "fits", Buffer.alloc(11_000, 0xff), true).over;
    const conflict = appendOf(upstream, "fits", Buffer.alloc(11_000, 0xff), true);
    await conflict.over;
    expect(conflict.trailers?.["grpc-status"]).toBe("9");
    expect(upstream.stats().sessionsLost).toBe(0);
  });

  it("is found the same way over TLS", async () => {
    const secure = await startUmaDb({ tls: true });
    cleanUp.push(() => secure.close());
    const upstream = upstreamOf(secure.url, { ca: secure.ca });
    for (const size of [65_536, 12_000]) {
      const data = Buffer.alloc(size, 0xff);
      await appendOf(upstream, `tls-${size}`, data, true).over;
      const conflict = appendOf(upstream, `tls-${size}`, data, true);
      await conflict.over;
      expect(conflict.failure).toMatchObject({ answered: true });
    }
  });

  it("harms nobody: of 100 at once each ends within 3 s, and 20 subscriptions miss nothing", async () => {
    const upstream = upstreamOf(umadb.url);
    const data = Buffer.alloc(65_536, 0xff);
    await appendOf(upstream, "hundred", data, true).over;
    const beside = await neighbours(upstream, "hundred-beside", 20);
    const times: number[] = [];
    const conflicts = Array.from({ length: 100 }, async () => {
      const start = performance.now();
      const conflict = appendOf(upstream, "hundred", data, true);
      await conflict.over;
      times.push(performance.now() - start);
      return conflict.failure?.answered;
    });
    let running = true;
    const all = Promise.all(conflicts).finally(() => void (running = false));
    while (running) expect(await beside.deliver()).toBeLessThan(1_000);
    expect(new Set(await all)).toEqual(new Set([true]));
    expect(Math.max(...times)).toBeLessThan(3_000);
    beside.expectWhole();
  });
});

describe("subscriptions that are left", () => {
  /** Opens and leaves at once, after the request left, and tells what the server thought of it. */
  async function burst(count: number, cancelling: "rules" | "immediate" | "never") {
    const proxy = await proxyOf();
    const upstream = upstreamOf(proxy.url, { cancelling });
    const beside = await neighbours(upstream, `burst-${cancelling}`, 1);
    const calls = Array.from({ length: count }, () => subscribeTo(upstream, "nothing"));
    expect(calls.every(({ sent }) => sent)).toBe(true);
    for (const call of calls) call.leave();
    const settled = (): boolean => proxy.openCalls(subscribe.path).length <= 1 || proxy.goaways().length > 0;
    return { proxy, upstream, beside, settled };
  }

  it("draw no GOAWAY when 25 are opened and left at once", async () => {
    const { proxy, beside, settled, upstream } = await burst(25, "rules");
    await eventually(settled, "only the neighbour is left", 2_000);
    expect(proxy.goaways()).toEqual([]);
    expect(proxy.openCalls(subscribe.path)).toHaveLength(1);
    await beside.deliver();
    beside.expectWhole();
    expect(upstream.stats()).toMatchObject({ sessionsLost: 0 });
  });

  it("would cost everybody the session without the rule: 25 resets at once draw GOAWAY 11", async () => {
    const { proxy, beside } = await burst(25, "immediate");
    await beside.calls[0]?.until(({ events }) => events.includes("fail"));
    expect(proxy.goaways().map(({ code }) => code)).toContain(11);
  });

  it("would stay at the server for good if they were never reset", async () => {
    const { proxy, beside, upstream } = await burst(25, "never");
    await beside.deliver();
    expect(upstream.stats().lanes.live).toMatchObject({ abandoned: 25 });
    await expect(eventually(() => proxy.openCalls(subscribe.path).length <= 1, "gone", 500)).rejects.toThrow(/Not within/);
  });

  it("disturb nobody when 1 000 are opened and left as fast as it goes, and are gone from the server 2 s later", async () => {
    const proxy = await proxyOf();
    const upstream = upstreamOf(proxy.url);
    const beside = await neighbours(upstream, "thousand", 10);
    const delays: number[] = [];
    let sent = 0;
    for (let round = 0; round < 100; round++) {
      const calls = Array.from({ length: 10 }, () => subscribeTo(upstream, "nothing"));
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const call of calls) {
        if (call.sent) sent++;
        call.leave();
      }
      if (round % 10 === 0) delays.push(await beside.deliver());
    }
    expect(sent).toBeGreaterThanOrEqual(500);
    await eventually(() => proxy.openCalls(subscribe.path).length === 10, "only the neighbours are left", 2_000);
    delays.push(await beside.deliver());
    beside.expectWhole();
    expect(Math.max(...delays)).toBeLessThan(1_000);
    expect(upstream.stats()).toMatchObject({ sessionsLost: 0 });
    expect(proxy.goaways()).toEqual([]);
  });
});

describe("a server that allows 10 streams a connection", () => {
  it("has 50 subscriptions, and all get an event within a second", async () => {
    const proxy = await proxyOf({ maxConcurrentStreams: 10 });
    const start = performance.now();
    const beside = await neighbours(upstreamOf(proxy.url), "ten-streams", 50);
    await beside.deliver();
    expect(performance.now() - start).toBeLessThan(1_500);
    beside.expectWhole();
    for (const { watch } of proxy.connections) expect(watch.peakOpen).toBeLessThanOrEqual(10);
  });
});

describe("a path that goes silent", () => {
  it("is noticed under a live subscription, and the next call goes elsewhere", { timeout: 20_000 }, async () => {
    const proxy = await proxyOf();
    const upstream = upstreamOf(proxy.url);
    const beside = await neighbours(upstream, "silent", 1);
    const start = performance.now();
    proxy.connections[0]?.freeze();
    await beside.calls[0]?.until(({ events }) => events.includes("fail"), 15_000);
    // A PING after 2 s, dead 5 s later, each up to one tick of 1 s late.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(beside.calls[0]?.failure).toMatchObject({ error: { code: "unavailable", reason: "upstream-lost" } });
    const again = openRecorded(upstream, { ...head, lane: "live" });
    await again.over;
    expect(again.trailers?.["grpc-status"]).toBe("0");
  });
});
