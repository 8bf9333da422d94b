import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startEmbedded } from "millrace-server/embedded";
import { UmaDb } from "millrace/umadb";
import { until } from "../gateway/support/grpc-web.js";
import { faultsOf, Follower } from "./follower.js";
import { startPaths, type Paths, type Way } from "./paths.js";

const event = (n: number) => ({ type: "counted", tags: [], data: new TextEncoder().encode(String(n)) });

describe("umadb.subscribe() on a path that goes silent", () => {
  let paths: Paths;
  beforeAll(async () => { paths = await startPaths(); });
  afterAll(() => paths.close());

  it.each<{ way: Way; on: keyof Paths["proxies"]; noticedInMs: number }>([
    { way: "fetch", on: "front", noticedInMs: 8_000 },
    { way: "http2", on: "native", noticedInMs: 20_000 },
    { way: "fetch", on: "upstream", noticedInMs: 20_000 },
  ])("notices it, and loses nothing: $way, silent on the stretch $on", async ({ way, on, noticedInMs }) => {
    const { store, proxies } = paths;
    const proxy = proxies[on];
    const after = (await store.head()) ?? 0n;
    const follower = new Follower(paths.client(way), { name: `${way}, silent ${on}`, taking: "values", options: { after } });
    await follower.subscription.opened;
    await until("the stream is idle", () => proxy.phases.includes("idle"));
    const started = performance.now();
    proxy.arm({ where: "idle", how: "silence", luck: 0.999, ms: 0 });
    const last = await store.append(Array.from({ length: 500 }, (_, n) => event(n)));
    expect(follower.losses).toBe(0);
    await until("the last event is there", () => follower.last === last, noticedInMs);
    expect(performance.now() - started).toBeGreaterThan(1_500);
    expect(follower.losses).toBeGreaterThan(0);
    expect(await faultsOf(follower, store, after)).toEqual([]);
    await paths.closeClients();
    await follower.done.catch(() => undefined);
  }, 40_000);

  it.each(["fetch", "http2"] as const)("ends by close() within 100 ms while it is silent: %s", async (way) => {
    const { store, proxies } = paths;
    const proxy = proxies[way === "fetch" ? "front" : "native"];
    const follower = new Follower(paths.client(way), { name: way, taking: "values", options: { after: await store.head() } });
    await follower.subscription.opened;
    await until("the stream is idle", () => proxy.phases.includes("idle"));
    proxy.arm({ where: "idle", how: "silence", luck: 0.999, ms: 0 });
    const started = performance.now();
    await follower.subscription.close();
    await follower.done;
    expect(performance.now() - started).toBeLessThan(100);
    await paths.closeClients();
  });

  it.each(["fetch", "http2"] as const)("ends by close() within 100 ms while it cannot connect: %s", async (way) => {
    const proxy = paths.proxies[way === "fetch" ? "front" : "native"];
    proxy.arm({ where: "connecting", how: "silence", luck: 0, ms: 0 });
    const follower = new Follower(paths.client(way), { name: way, taking: "batches", options: {} });
    // Connections that clients before left open would be used again and meet no fault.
    await until("the connection is silent", () => {
      if (proxy.armed && proxy.phases.includes("idle")) proxy.loseOne(0);
      return !proxy.armed;
    });
    const started = performance.now();
    await follower.subscription.close();
    await follower.done;
    expect(performance.now() - started).toBeLessThan(100);
    await paths.closeClients();
  });
});

describe("umadb.subscribe() with a gateway's heartbeats", () => {
  afterEach(() => { vi.useRealTimers(); });

  /** A store whose gateway promises heartbeats, as ours does, and a path that can be silenced. */
  async function behindSilence() {
    const embedded = await startEmbedded();
    let silent = false;
    let requests = 0;
    const db = new UmaDb({
      url: "http://embedded",
      fetch: async (input, init) => {
        requests += 1;
        const { body, headers } = await embedded.fetch(input, init);
        const reader = body?.getReader();
        const forward = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
            if (silent) return new Promise<void>(() => undefined);
            if (done) controller.close();
            else controller.enqueue(value as Uint8Array);
          },
        }, { highWaterMark: 0 });
        return new Response(forward, { headers: { ...Object.fromEntries(headers), "millrace-heartbeat-ms": "15000" } });
      },
    });
    return { db, store: new UmaDb({ carrier: embedded.carrier }), requests: () => requests, silence: (on: boolean) => { silent = on; } };
  }

  it("notices silence after 37.5 s, is there again before 40 s, and loses nothing", async () => {
    vi.useFakeTimers();
    const { db, store, requests, silence } = await behindSilence();
    await store.append([event(1)]);
    const subscription = db.subscribe();
    const events = subscription.values();
    expect((await events.next()).value?.position).toBe(1n);
    const next = events.next();
    await vi.advanceTimersByTimeAsync(0);
    expect(subscription.state.kind).toBe("live");
    silence(true);
    await store.append([event(2), event(3)]);
    await vi.advanceTimersByTimeAsync(37_499);
    expect(subscription.state.kind).toBe("live");
    const before = requests();
    silence(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(subscription.state).toMatchObject({ kind: "waiting", attempt: 1, cause: { code: "unavailable" } });
    await vi.advanceTimersByTimeAsync(2_500);
    expect(requests()).toBe(before + 2);
    expect((await next).value?.position).toBe(2n);
    expect((await events.next()).value?.position).toBe(3n);
    await db.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
