import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, type ClientOptions } from "ws";
import { encodeHeaderBlock, HeaderBlockReader } from "millrace/internal/wire/header-block";
import { encodeYamuxData, YAMUX_HEADER_BYTES, yamuxFlag, yamuxType, decodeYamuxHeader } from "millrace/internal/wire/yamux";
import type { GatewayOptions } from "millrace-server/gateway";
import { parseBody, until } from "../gateway/support/grpc-web.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { grpcHeaders, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";

const methods = [{ path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true }] as const;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(options: Partial<GatewayOptions> = {}): Promise<{ upstream: FakeServer; served: ServedGateway; url: string }> {
  const upstream = await startFakeServer(({ stream }) => {
    stream.respond(grpcHeaders, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end();
  });
  const served = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } }, ...options });
  closing.push(() => served.close(), () => upstream.close());
  return { upstream, served, url: `${served.url.replace("http", "ws")}/millrace/tunnel` };
}

function socketTo(url: string, options: ClientOptions = {}, protocols = ["millrace.v1"]): WebSocket {
  const socket = new WebSocket(url, protocols, options);
  socket.on("error", () => undefined);
  closing.push(async () => socket.terminate());
  return socket;
}

/** The HTTP status that an upgrade is refused with; 101 for one that is not. */
function statusOf(socket: WebSocket): Promise<number | undefined> {
  return new Promise((resolve) => {
    socket.on("unexpected-response", (_request, response: IncomingMessage) => resolve(response.statusCode));
    socket.on("open", () => resolve(101));
  });
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

/** A tunnel by hand: what was received after the first message, as frames of one stream. */
async function begin(url: string, first: Uint8Array = encodeHeaderBlock(undefined, [])): Promise<{ socket: WebSocket; welcome: Buffer; received: Buffer[] }> {
  const socket = socketTo(url);
  await once(socket, "open");
  const welcome = once(socket, "message");
  socket.send(first);
  const received: Buffer[] = [];
  const [message] = (await welcome) as [Buffer];
  socket.on("message", (bytes: Buffer) => received.push(bytes));
  return { socket, welcome: message, received };
}

/** The payload that came for a stream, and whether it has ended. */
function streamIn(received: readonly Buffer[], id: number): { bytes: Buffer; ended: boolean; reset: boolean } {
  const all = Buffer.concat(received);
  const pieces: Buffer[] = [];
  let ended = false;
  let reset = false;
  for (let at = 0; at < all.length;) {
    const { type, flags, streamId, length } = decodeYamuxHeader(all.subarray(at, at + YAMUX_HEADER_BYTES));
    at += YAMUX_HEADER_BYTES;
    const payload = type === yamuxType.data ? all.subarray(at, at + length) : Buffer.alloc(0);
    at += payload.length;
    if (streamId !== id) continue;
    pieces.push(payload);
    ended ||= (flags & yamuxFlag.fin) !== 0;
    reset ||= (flags & yamuxFlag.rst) !== 0;
  }
  return { bytes: Buffer.concat(pieces), ended, reset };
}

/** Makes a call by hand and gives its status. */
async function callBy({ socket, received }: Awaited<ReturnType<typeof begin>>, id: number, head: Uint8Array, body = Buffer.alloc(5)): Promise<ReadonlyMap<string, string> | undefined> {
  socket.send(encodeYamuxData(yamuxFlag.syn | yamuxFlag.fin, id, Buffer.concat([head, body])));
  await until("the call's end", () => streamIn(received, id).ended || streamIn(received, id).reset);
  return parseBody(new HeaderBlockReader().push(streamIn(received, id).bytes)).trailers;
}

function raw(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text, "latin1")]);
}

describe("gateway: the upgrade to a tunnel", () => {
  it("is refused to a foreign origin, `null` and a foreign Host, before anything of it is accepted", async () => {
    const { url } = await open({ allowAll: false, policy: () => ({ allowed: true }), origins: ["https://app.example"], hosts: ["127.0.0.1"] });
    expect(await statusOf(socketTo(url, { origin: "https://evil.example" }))).toBe(403);
    expect(await statusOf(socketTo(url, { origin: "null" }))).toBe(403);
    expect(await statusOf(socketTo(url, { headers: { host: "evil.example" } }))).toBe(403);
    expect(await statusOf(socketTo(url, { headers: { "sec-fetch-site": "cross-site" } }))).toBe(403);
    expect(await statusOf(socketTo(url, { origin: "https://app.example" }))).toBe(101);
    expect(await statusOf(socketTo(url))).toBe(101);
  });

  it("wants the subprotocol and the exact path: a token in the address is refused", async () => {
    const { url } = await open();
    expect(await statusOf(socketTo(url, {}, ["grpc-websockets"]))).toBe(400);
    expect(await statusOf(socketTo(url, {}, []))).toBe(400);
    expect(await statusOf(socketTo(`${url}?token=x`))).toBe(404);
    const socket = socketTo(url, {}, ["other", "millrace.v1"]);
    expect([await statusOf(socket), socket.protocol]).toEqual([101, "millrace.v1"]);
  });

  it("agrees on no compression", async () => {
    const { url } = await open();
    const socket = socketTo(url, { perMessageDeflate: true });
    await once(socket, "open");
    expect(socket.extensions).toBe("");
  });

  it("is refused with 503 while the gateway closes", async () => {
    const { url, served } = await open();
    await served.gateway.close();
    expect(await statusOf(socketTo(url))).toBe(503);
  });
});

describe("gateway: a tunnel's first message", () => {
  it("is answered in kind, with a promise of heartbeats", async () => {
    const { url } = await open();
    const { welcome } = await begin(url);
    const reader = new HeaderBlockReader();
    expect(reader.push(welcome)).toHaveLength(0);
    expect(reader.block).toEqual({ path: undefined, headers: [["millrace-heartbeat-ms", "15000"]] });
  });

  it.each([
    ["is no header block", Buffer.from([0, 0, 0, 9, 1])],
    ["names a path", encodeHeaderBlock("/t.T/Unary", [])],
    ["has more behind it", Buffer.alloc(16)],
    ["is larger than 16 KiB", Buffer.from([0, 0, 0x40, 1])],
    ["has a header of HTTP", raw("host: a\r\n")],
  ])("closes the tunnel with 1002 when it %s", async (_name, message) => {
    const { url } = await open();
    const socket = socketTo(url);
    await once(socket, "open");
    socket.send(message);
    expect(await closeCode(socket)).toBe(1002);
  });

  it("must not be text", async () => {
    const { url } = await open();
    const socket = socketTo(url);
    await once(socket, "open");
    socket.send("hello");
    expect(await closeCode(socket)).toBe(1003);
  });

  it("must come within 5 s", async () => {
    const { url } = await open();
    const socket = socketTo(url);
    await once(socket, "open");
    const since = Date.now();
    expect(await closeCode(socket)).toBe(4408);
    expect(Date.now() - since).toBeGreaterThan(4_500);
  }, 10_000);
});

describe("gateway: calls of a tunnel", () => {
  it.each([
    ["in another case", "/t.t/unary"],
    ["with a query", "/t.T/Unary?a"],
    ["percent-encoded", "/t.T/Un%61ry"],
    ["with a slash more", "//t.T/Unary"],
  ])("do not reach a method whose path is written %s", async (_name, path) => {
    const { url, upstream } = await open();
    expect((await callBy(await begin(url), 1, encodeHeaderBlock(path, [])))?.get("grpc-status")).toBe("12");
    expect(upstream.calls).toHaveLength(0);
  });

  it.each([
    ["a pseudo-header", ":path: /t.T/Unary\r\n:authority: a\r\n"],
    ["a second path", ":path: /t.T/Unary\r\n:path: /t.T/Unary\r\n"],
    ["a header of HTTP", ":path: /t.T/Unary\r\nte: trailers\r\n"],
    ["no path", "a: b\r\n"],
  ])("are refused with %s, and the tunnel goes on", async (_name, text) => {
    const { url, upstream } = await open();
    const tunnel = await begin(url);
    const trailers = await callBy(tunnel, 1, raw(text));
    expect([trailers?.get("grpc-status"), trailers?.get("millrace-applied")]).toEqual(["3", "no"]);
    expect(upstream.calls).toHaveLength(0);
    expect((await callBy(tunnel, 3, encodeHeaderBlock("/t.T/Unary", [])))?.get("grpc-status")).toBe("0");
    expect(upstream.calls).toHaveLength(1);
  });

  it("are judged by the policy as any others", async () => {
    const { url, upstream } = await open({ policy: () => ({ allowed: false, message: "not you" }), hosts: ["127.0.0.1"] });
    const trailers = await callBy(await begin(url), 1, encodeHeaderBlock("/t.T/Unary", []));
    expect([trailers?.get("grpc-status"), trailers?.get("millrace-reason")]).toEqual(["7", "policy"]);
    expect(upstream.calls).toHaveLength(0);
  });

  it("are refused in words beyond the tunnel's limit", async () => {
    const { url } = await open({ limits: { callsPerTunnel: 2, drainMs: 100 } });
    const tunnel = await begin(url);
    for (const id of [1, 3]) tunnel.socket.send(encodeYamuxData(yamuxFlag.syn, id, encodeHeaderBlock("/t.T/Unary", [])));
    const trailers = await callBy(tunnel, 5, encodeHeaderBlock("/t.T/Unary", []));
    expect([trailers?.get("grpc-status"), trailers?.get("millrace-reason")]).toEqual(["8", "limit"]);
  });

  it("do not pass the gateway's own credentials or browsers' headers on, but their metadata", async () => {
    const { url, upstream } = await open();
    const tunnel = await begin(url, encodeHeaderBlock(undefined, [["authorization", "Bearer socket"]]));
    await callBy(tunnel, 1, encodeHeaderBlock("/t.T/Unary", [["my-metadata", "a"], ["cookie", "b"], ["x-forwarded-for", "1.2.3.4"]]));
    expect(upstream.calls[0]?.headers).toMatchObject({ "my-metadata": "a" });
    for (const name of ["authorization", "cookie", "x-forwarded-for"]) expect(upstream.calls[0]?.headers[name]).toBeUndefined();
  });

  it("replace the tunnel's credentials at /millrace/auth", async () => {
    const { url, upstream } = await open();
    expect((await callBy(await begin(url), 1, encodeHeaderBlock("/millrace/auth", [["authorization", "Bearer new"]]), Buffer.alloc(0)))?.get("grpc-status")).toBe("0");
    expect(upstream.calls).toHaveLength(0);
  });

  it("end with their tunnel when the peer breaks the protocol", async () => {
    const { url } = await open();
    const { socket } = await begin(url);
    socket.send(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    expect(await closeCode(socket)).toBe(1002);
  });

  it("end with 1012 when the gateway closes, after a go-away", async () => {
    const { url, served } = await open();
    const { socket, received } = await begin(url);
    const code = closeCode(socket);
    await served.gateway.close();
    expect(await code).toBe(1012);
    expect(decodeYamuxHeader(received[0] as Buffer).type).toBe(yamuxType.goAway);
  });
});
