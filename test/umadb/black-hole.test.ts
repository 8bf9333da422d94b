import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { isMillraceError } from "millrace";
import type { CarrierCall, CarrierResponse } from "millrace/carrier";
import { decide, UmaDb } from "millrace/umadb";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { publicMethods } from "./public-methods.js";

const event = { type: "A", data: new Uint8Array(0) };
const condition = { failIfEventsMatch: { items: [] } };

/** How each method that waits for an answer ends when none comes. */
const calls: Record<string, (db: UmaDb) => Promise<unknown>> = {
  append: (db) => db.append([event], { condition }),
  decide: (db) => decide(db, { items: [] }, () => [event]),
  head: (db) => db.head(),
  health: (db) => db.health(),
  read: (db) => db.read().toArray(),
  trackingInfo: (db) => db.trackingInfo("s"),
};

/** Those with an end of their own, tested apart. */
const others = ["close", "subscribe"];

/** What a carrier gives back when nothing ever comes. */
function unanswered({ signal }: CarrierCall): CarrierResponse {
  const never = new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
  never.catch(() => {});
  return { headers: never, trailers: never, chunks: { next: () => never, return: async () => ({ done: true, value: undefined }) } };
}

describe("against a server that accepts and never answers", () => {
  let server: Server;
  let url: string;
  const sockets = new Set<Socket>();
  /** Those that carried a request: a platform's fetch may open another connection for later, when one is torn down. */
  const busy = new Set<Socket>();
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("data", () => busy.add(socket)).on("close", () => {
        sockets.delete(socket);
        busy.delete(socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  afterEach(() => vi.useRealTimers());

  it("every function that the package declares has its end tested here", () => {
    expect([...Object.keys(calls), ...others].sort()).toEqual(publicMethods());
  });

  it.each(Object.entries(calls))("%s ends within `timeoutMs`, and frees its request", async (name, call) => {
    const db = new UmaDb({ url, timeoutMs: 150, connectTimeoutMs: 60_000 });
    const begun = performance.now();
    const error = await call(db).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "timeout", applied: name === "append" ? "unknown" : "no" });
    expect(performance.now() - begun).toBeLessThan(1_500);
    await expect.poll(() => busy.size).toBe(0);
    await db.close();
  });

  it.each(Object.entries(calls).filter(([name]) => name === "read" || name === "decide"))("%s gives up a try after `connectTimeoutMs`", async (_, call) => {
    const db = new UmaDb({ url, connectTimeoutMs: 50, retry: false });
    expect(await call(db).catch((failure: unknown) => failure)).toMatchObject({ code: "unavailable", applied: "no" });
    await db.close();
  });

  it.each(Object.entries(calls))("%s ends after 30 000 ms where nobody says otherwise", async (_, call) => {
    vi.useFakeTimers();
    const db = new UmaDb({ carrier: { call: unanswered, close: async () => {} } });
    let failure: unknown;
    const ended = call(db).catch((error: unknown) => { failure = error; });
    await vi.dynamicImportSettled();
    await vi.advanceTimersByTimeAsync(29_900);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(isMillraceError(failure, "timeout")).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    void ended;
  });

  it("a subscription waits for another try within `connectTimeoutMs`, and `close()` ends it within 100 ms", async () => {
    const db = new UmaDb({ url, connectTimeoutMs: 100 });
    const subscription = db.subscribe();
    const kinds: string[] = [];
    subscription.onStateChange(({ kind }) => kinds.push(kind));
    const waiting = subscription.values().next();
    const begun = performance.now();
    await expect.poll(() => kinds, { timeout: 2_000 }).toContain("waiting");
    expect(performance.now() - begun).toBeLessThan(1_500);
    const closing = performance.now();
    await subscription.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(performance.now() - closing).toBeLessThan(100);
    await expect.poll(() => busy.size).toBe(0);
    await db.close();
  });

  it("`close()` of the client ends all its calls at once", async () => {
    const db = new UmaDb({ url, connectTimeoutMs: 60_000 });
    const subscription = db.subscribe();
    const pending = [...Object.values(calls).map((call) => call(db)), subscription.opened].map((call) => call.then(() => undefined, (error: unknown) => error));
    await expect.poll(() => busy.size).toBeGreaterThan(2);
    const closing = performance.now();
    await db.close();
    await db.close();
    for (const error of await Promise.all(pending)) expect(error).toMatchObject({ code: "unavailable" });
    expect(performance.now() - closing).toBeLessThan(500);
    expect(subscription.state.kind).toBe("closed");
    await expect.poll(() => busy.size).toBe(0);
  });
});
