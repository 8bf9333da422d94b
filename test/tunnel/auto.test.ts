import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { autoCarrier, type AutoCarrierOptions, type Carrier } from "millrace/carrier";
import type { MillraceError } from "millrace";
import { UmaDb } from "millrace/umadb";
import { startEmbedded } from "millrace-server/embedded";
import { until } from "../gateway/support/grpc-web.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { freePort } from "../support/free-port.js";
import { grpcHeaders, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";
import { callOf, Questions, readAll } from "./support.js";

const methods = [
  { path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  { path: "/t.T/Live", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  { path: "/t.T/Bidi", kind: "bidi", lane: "live", cancel: "delayed", repeatable: true },
] as const;

/** A gateway that counts how calls reach it, and can be told to take no tunnels. */
interface Watched {
  readonly served: ServedGateway;
  readonly upgrades: () => number;
  readonly posts: () => string[];
  refuseUpgrades: boolean;
}

let upstream: FakeServer;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  upstream = await startFakeServer(({ stream, headers }) => {
    stream.respond(grpcHeaders, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    if (headers[":path"] === "/t.T/Unary") stream.end();
    else if (headers[":path"] === "/t.T/Bidi") stream.pipe(stream);
  });
  closing.push(() => upstream.close());
});
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
});

async function watched(port = 0): Promise<Watched> {
  const served = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } } }, port);
  closing.push(() => served.close());
  let upgrades = 0;
  const posts: string[] = [];
  served.server.on("request", ({ method, url }) => { if (method === "POST") posts.push(String(url)); });
  served.server.removeAllListeners("upgrade");
  served.server.on("upgrade", (request, socket, head) => {
    upgrades += 1;
    if (watch.refuseUpgrades) socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    else served.gateway.upgrade(request, socket, head);
  });
  const watch: Watched = { served, upgrades: () => upgrades, posts: () => posts, refuseUpgrades: false };
  return watch;
}

function auto(url: string, options: Partial<AutoCarrierOptions> = {}): Carrier {
  const carrier = autoCarrier({ url, webSocket: WebSocket, ...options });
  closing.push(() => carrier.close());
  return carrier;
}

const live = (call = {}) => callOf("/t.T/Live", { kind: "server", lane: "live", ...call });
const bidi = (call = {}) => callOf("/t.T/Bidi", { kind: "bidi", lane: "live", ...call });

async function rejection(promise: Promise<unknown>): Promise<MillraceError> {
  return promise.then(() => { throw new Error("It was resolved"); }, (error: unknown) => error as MillraceError);
}

describe("autoCarrier()", () => {
  it("makes calls that end by fetch, and opens no tunnel for them", async () => {
    const gateway = await watched();
    const carrier = auto(gateway.served.url);
    for (let n = 0; n < 3; n++) expect((await readAll(carrier.call(callOf("/t.T/Unary")))).trailers.status).toBe(0);
    expect([gateway.upgrades(), gateway.posts()]).toEqual([0, ["/t.T/Unary", "/t.T/Unary", "/t.T/Unary"]]);
  });

  it("makes all calls that stay open, and full-duplex ones, through one tunnel", async () => {
    const gateway = await watched();
    const carrier = auto(gateway.served.url);
    const open = Array.from({ length: 20 }, () => carrier.call(live()));
    await Promise.all(open.map(({ headers }) => headers));
    const questions = new Questions();
    const talk = carrier.call(bidi({ messages: questions }));
    questions.ask(new Uint8Array([1, 2]));
    expect((await talk.chunks.next()).value).toEqual(new Uint8Array([0, 0, 0, 0, 2, 1, 2]));
    questions.ask(new Uint8Array([3]));
    expect((await talk.chunks.next()).value).toEqual(new Uint8Array([0, 0, 0, 0, 1, 3]));
    expect([gateway.upgrades(), gateway.posts()]).toEqual([1, []]);
  });

  it("makes a half-duplex call that ends by fetch", async () => {
    const gateway = await watched();
    const { messages } = await readAll(auto(gateway.served.url).call(bidi({ lane: "short", duplex: "half", messages: [new Uint8Array([7])] })));
    expect([messages, gateway.upgrades()]).toEqual([[new Uint8Array([7])], 0]);
  });

  it("falls back to fetch where a gateway that answers takes no tunnel, says so once, and asks again after a minute", async () => {
    const gateway = await watched();
    gateway.refuseUpgrades = true;
    const onFallback = vi.fn();
    const carrier = auto(gateway.served.url, { onFallback });
    await carrier.call(live()).headers;
    // Refused twice, with an answer by fetch between: only then is it no gateway that has just come up.
    expect([gateway.upgrades(), gateway.posts()]).toEqual([2, ["/millrace/tunnel", "/t.T/Live"]]);
    expect(onFallback.mock.calls).toEqual([[expect.objectContaining({ code: "unavailable", applied: "no" })]]);
    const refused = await rejection(carrier.call(bidi()).trailers);
    expect(refused).toMatchObject({ code: "unsupported", applied: "no", message: expect.stringMatching(/^\/t\.T\/Bidi .*webSocket.*http2Carrier/), cause: onFallback.mock.calls[0]?.[0] });
    await carrier.call(live()).headers;
    expect([gateway.upgrades(), onFallback.mock.calls.length]).toEqual([2, 1]);

    gateway.refuseUpgrades = false;
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 60_001);
    await carrier.call(live()).headers;
    vi.restoreAllMocks();
    expect([gateway.upgrades(), gateway.posts().length]).toEqual([3, 3]);
  });

  it("falls back to fetch where there is no WebSocket, and refuses full-duplex calls with what to use", async () => {
    vi.stubGlobal("WebSocket", undefined);
    const gateway = await watched();
    const onFallback = vi.fn(() => { throw new Error("The listener's own"); });
    const carrier = auto(gateway.served.url, { webSocket: undefined, onFallback });
    await carrier.call(live()).headers;
    expect(onFallback).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "unsupported" }));
    expect(await rejection(carrier.call(bidi()).chunks.next())).toMatchObject({ code: "unsupported", message: expect.stringMatching(/package ws/) });
    expect(gateway.posts()).toEqual(["/t.T/Live"]);
    vi.unstubAllGlobals();
  });

  it("does not take a gateway that is away for one without tunnels", async () => {
    const port = await freePort();
    const onFallback = vi.fn();
    const carrier = auto(`http://127.0.0.1:${port}`, { onFallback });
    for (let n = 0; n < 2; n++) expect(await rejection(carrier.call(live()).headers)).toMatchObject({ code: "unavailable", applied: "no" });
    const gateway = await watched(port);
    await carrier.call(live()).headers;
    expect([gateway.upgrades(), gateway.posts(), onFallback.mock.calls.length]).toEqual([1, [], 0]);
  });

  it("does not take a gateway that shuts down for one without tunnels", async () => {
    const gateway = await watched();
    gateway.refuseUpgrades = true;
    const onFallback = vi.fn();
    const carrier = auto(gateway.served.url, { onFallback });
    await gateway.served.gateway.close();
    expect(await rejection(carrier.call(live()).headers)).toMatchObject({ code: "unavailable", applied: "no" });
    expect([gateway.posts(), onFallback.mock.calls.length]).toEqual([["/millrace/tunnel"], 0]);
  });

  it("goes by fetch alone with a fetch of somebody's own, unless it is given a WebSocket class as well", async () => {
    const embedded = await startEmbedded();
    closing.push(() => embedded.close());
    const db = new UmaDb({ url: "http://embedded", fetch: embedded.fetch });
    closing.push(() => db.close());
    await db.subscribe(undefined, { after: "end" }).opened;
    const refused = auto("http://embedded", { fetch: embedded.fetch, webSocket: undefined });
    expect(await rejection(refused.call(bidi()).headers)).toMatchObject({ code: "unsupported" });

    const gateway = await watched();
    await auto(gateway.served.url, { fetch: globalThis.fetch }).call(live()).headers;
    expect(gateway.upgrades()).toBe(1);
  });

  it("ends a call that is left, aborted or out of time before there is a tunnel, and leaves nothing behind", async () => {
    const silent = createServer();
    silent.on("upgrade", (_request, socket) => { closing.push(async () => void socket.destroy()); });
    const port = await listen(silent, 0);
    const carrier = auto(`http://127.0.0.1:${port}`);

    const left = carrier.call(live());
    const pending = left.chunks.next();
    await left.chunks.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await rejection(left.headers)).toMatchObject({ code: "unavailable", applied: "no" });

    const own = new AbortController();
    const aborted = carrier.call(live({ signal: own.signal }));
    own.abort("my reason");
    expect(await rejection(aborted.chunks.next())).toBe("my reason");

    expect(await rejection(carrier.call(live({ timeoutMs: 50 })).trailers)).toMatchObject({ code: "timeout", applied: "no" });
    expect(await rejection(carrier.call(live({ connectTimeoutMs: 50 })).trailers)).toMatchObject({ code: "unavailable", applied: "no", message: expect.stringContaining("50 ms") });

    const closed = carrier.call(live());
    await carrier.close();
    expect(await rejection(closed.headers)).toMatchObject({ code: "unavailable", message: "The carrier is closed" });
    expect(await rejection(carrier.call(live()).headers)).toMatchObject({ code: "unavailable", message: "The carrier is closed" });
  });

  it("opens another tunnel after one was lost, and closes it with the carrier", async () => {
    const gateway = await watched();
    const sockets: { destroy(): void; destroyed: boolean }[] = [];
    gateway.served.server.on("upgrade", (_request, socket) => sockets.push(socket));
    const carrier = auto(gateway.served.url);
    const first = carrier.call(live());
    await first.headers;
    sockets[0]?.destroy();
    expect(await rejection(first.chunks.next())).toMatchObject({ code: "unavailable", applied: "unknown" });
    await carrier.call(live()).headers;
    expect(gateway.upgrades()).toBe(2);
    await carrier.close();
    await until("the tunnel is closed", () => sockets.every(({ destroyed }) => destroyed));
  });

  it.each([
    ["webSocket", 1], ["onFallback", "x"], ["fetch", {}], ["heartbeatMs", -1], ["url", ""],
  ])("refuses a wrong `%s`", (name, value) => {
    expect(() => autoCarrier({ url: "http://127.0.0.1:9", [name]: value } as AutoCarrierOptions)).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(`\`${name}\``) }));
  });
});

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
