import { randomBytes } from "node:crypto";
import type { ServerHttp2Stream } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Carrier } from "millrace/carrier";
import { MillraceError } from "millrace/internal/core/errors";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import type { GatewayOptions } from "millrace-server/gateway";
import { until } from "../gateway/support/grpc-web.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { echoUpstream, startEchoServer, type EchoServer } from "../support/echo.js";
import { grpcHeaders, startFakeServer, type FakeCall, type FakeServer } from "../support/fake-grpc-server.js";
import * as echo from "../support/proto/echo_pb.js";
import { callOf, openTunnel, Questions, readAll } from "./support.js";

const SERVICE = `/${echo.EchoService.typeName}`;

let server: EchoServer;
let gateway: ServedGateway;
let carrier: Carrier;

beforeAll(async () => {
  server = await startEchoServer();
  gateway = await serveGateway({ upstreams: {}, extraUpstreams: { echo: echoUpstream(server) } });
  carrier = openTunnel(gateway.url);
});

afterAll(async () => {
  await carrier.close();
  await gateway.close();
  await server.close();
});

const ask = (text: string): Uint8Array => toBinary(echo.EchoService.method.chat.input, create(echo.EchoService.method.chat.input, { text }));
const answerOf = (bytes: Uint8Array): { text: string; number: number } => fromBinary(echo.EchoService.method.chat.output, bytes);

describe("tunnelCarrier() through the gateway", () => {
  it("carries a call with one answer, its metadata both ways, and its trailers", async () => {
    const message = toBinary(echo.EchoService.method.echo.input, create(echo.EchoService.method.echo.input, { text: "hi" }));
    const { headers, messages, trailers } = await readAll(carrier.call(callOf(`${SERVICE}/Echo`, { headers: new Headers({ "echo-header": "there" }), messages: [message], timeoutMs: 20_000 })));
    expect(fromBinary(echo.EchoService.method.echo.output, messages[0] as Uint8Array).text).toBe("hi");
    expect([headers.get("echo-header"), headers.get("echo-has-limit"), trailers.status, trailers.headers.get("echo-trailer")]).toEqual(["there", "true", 0, "at the end"]);
    expect(headers.has("content-type")).toBe(false);
  });

  it("carries a stream of answers in order", async () => {
    const input = echo.EchoService.method.count.input;
    const { messages } = await readAll(carrier.call(callOf(`${SERVICE}/Count`, { kind: "server", lane: "live", messages: [toBinary(input, create(input, { to: 500, paddingBytes: 5_000 }))] })));
    expect(messages.map((bytes) => fromBinary(echo.EchoService.method.count.output, bytes).number)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it("carries a stream of requests, also one larger than every window", async () => {
    const input = echo.EchoService.method.collect.input;
    const texts = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(30_000));
    const { messages } = await readAll(carrier.call(callOf(`${SERVICE}/Collect`, { kind: "client", lane: "live", messages: texts.map((text) => toBinary(input, create(input, { text }))) })));
    expect(fromBinary(echo.EchoService.method.collect.output, messages[0] as Uint8Array).texts).toEqual(texts);
  });

  it("holds a conversation of 1 000 rounds, each answer before the next question", async () => {
    const questions = new Questions();
    const response = carrier.call(callOf(`${SERVICE}/Chat`, { kind: "bidi", lane: "live", messages: questions }));
    for (let round = 1; round <= 1_000; round++) {
      questions.ask(ask(`round ${round}`));
      const { value } = await response.chunks.next();
      const answers = payloadsOf(value as Uint8Array).map(answerOf);
      expect(answers).toMatchObject([{ text: `round ${round}`, number: round }]);
    }
    questions.end();
    expect((await response.chunks.next()).done).toBe(true);
    expect((await response.trailers).status).toBe(0);
  });

  it("answers a method that is not in the table with `unimplemented`, and the tunnel goes on", async () => {
    const { trailers, messages } = await readAll(carrier.call(callOf("/no.Such/Method")));
    expect([trailers.status, trailers.message, trailers.headers.get("millrace-applied"), messages.length]).toEqual([12, "No such method", "no", 0]);
    expect((await readAll(carrier.call(callOf(`${SERVICE}/Echo`)))).trailers.status).toBe(0);
  });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const methods = [
  { path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  { path: "/t.T/Write", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  { path: "/t.T/Server", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  { path: "/t.T/Bidi", kind: "bidi", lane: "live", cancel: "delayed", repeatable: true },
] as const;

async function open(handle: (call: FakeCall) => void, options: Partial<GatewayOptions> = {}): Promise<{ upstream: FakeServer; served: ServedGateway; carrier: Carrier }> {
  const upstream = await startFakeServer(handle);
  const served = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } }, ...options });
  const own = openTunnel(served.url);
  closing.push(() => own.close(), () => served.close(), () => upstream.close());
  return { upstream, served, carrier: own };
}

function finish(stream: ServerHttp2Stream, status = "0"): void {
  stream.respond(grpcHeaders, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => { throw new Error("It was resolved"); }, (error: unknown) => error);
}

describe("a call in a tunnel", () => {
  it("passes messages larger than the window byte for byte", async () => {
    const message = randomBytes(3_000_000);
    const { carrier } = await open(({ stream }) => {
      finish(stream);
      stream.pipe(stream);
    });
    const { messages } = await readAll(carrier.call(callOf("/t.T/Unary", { messages: [message] })));
    expect(Buffer.compare(messages[0] as Uint8Array, message)).toBe(0);
  });

  it("sends no faster than the server reads", async () => {
    let taken = 0;
    const { carrier } = await open(({ stream }) => {
      finish(stream);
      stream.pause();
    });
    const endless = (function* () { for (;;) { taken += 1; yield new Uint8Array(64 * 1024); } })();
    const response = carrier.call(callOf("/t.T/Bidi", { kind: "bidi", lane: "live", messages: endless }));
    await response.headers;
    let before = -1;
    await until("the sender waits", async () => {
      const isStill = taken === before && taken > 0;
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isStill;
    });
    expect(taken).toBeLessThan(20);
    await response.chunks.return?.();
  });

  it("reads no faster than its consumer, while its neighbours go on", async () => {
    let sent = 0;
    const { carrier } = await open(({ stream, headers }) => {
      finish(stream);
      if (headers[":path"] === "/t.T/Unary") return void stream.end(encodeEnvelope(new Uint8Array([1])));
      const more = (): void => {
        while (!stream.destroyed && sent < 400) {
          sent += 1;
          if (!stream.write(encodeEnvelope(new Uint8Array(100_000)))) return void stream.once("drain", more);
        }
        stream.end();
      };
      more();
    });
    const slow = carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live" }));
    await slow.headers;
    for (let i = 0; i < 20; i++) expect((await readAll(carrier.call(callOf("/t.T/Unary")))).messages).toHaveLength(1);
    let before = -1;
    await until("the server waits", async () => {
      const isStill = sent === before;
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isStill;
    });
    expect(sent).toBeLessThan(80);
    expect((await readAll(slow)).messages).toHaveLength(400);
  });

  it("frees the call at the server when it is left, aborted or out of time", async () => {
    const { upstream, carrier } = await open(({ stream }) => {
      finish(stream);
      stream.write(encodeEnvelope(new Uint8Array([1])));
    });
    const begin = async (call = {}): Promise<{ response: ReturnType<Carrier["call"]>; stream: ServerHttp2Stream }> => {
      const response = carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live", ...call }));
      await response.chunks.next();
      return { response, stream: upstream.calls.at(-1)?.stream as ServerHttp2Stream };
    };
    const left = await begin();
    const pending = left.response.chunks.next();
    await left.response.chunks.return?.();
    expect((await pending).done).toBe(true);
    await until("the left call is free", () => left.stream.destroyed);
    const abort = new AbortController();
    const aborted = await begin({ signal: abort.signal });
    abort.abort("my reason");
    expect(await rejection(aborted.response.chunks.next())).toBe("my reason");
    expect(await rejection(aborted.response.trailers)).toBe("my reason");
    await until("the aborted call is free", () => aborted.stream.destroyed);
    const late = await begin({ timeoutMs: 300 });
    expect(await rejection(late.response.chunks.next())).toMatchObject({ code: "timeout", applied: "unknown" });
    await until("the late call is free", () => late.stream.destroyed);
  });

  it("stops asking for messages when the server has ended the call", async () => {
    const { carrier } = await open(({ stream }) => {
      finish(stream, "9");
      stream.end();
    });
    const questions = new Questions();
    const response = carrier.call(callOf("/t.T/Bidi", { kind: "bidi", lane: "live", messages: questions }));
    questions.ask(new Uint8Array([1]));
    expect((await readAll(response)).trailers.status).toBe(9);
    await until("the messages are left", () => questions.left);
  });

  it("fails with what its messages throw, and with what is no bytes", async () => {
    const { carrier } = await open(({ stream }) => finish(stream));
    const wrong = (messages: Iterable<Uint8Array>): Promise<unknown> => rejection(carrier.call(callOf("/t.T/Bidi", { kind: "bidi", lane: "live", messages })).trailers);
    const mine = new Error("mine");
    expect(await wrong({ [Symbol.iterator]: () => ({ next: () => { throw mine; } }) })).toBe(mine);
    expect(await wrong(["text" as unknown as Uint8Array])).toMatchObject({ code: "invalid_argument", message: "`messages[0]` must be a Uint8Array, got a string" });
  });

  it("is bounded: 1 024 at a time, one more is refused before anything is sent", async () => {
    const { upstream, carrier } = await open(({ stream }) => finish(stream), {});
    const calls = Array.from({ length: 1_024 }, () => carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live" })));
    await Promise.all(calls.map(({ headers }) => headers));
    expect(upstream.calls).toHaveLength(1_024);
    expect(await rejection(carrier.call(callOf("/t.T/Unary")).trailers)).toMatchObject({ code: "resource_exhausted", reason: "limit", applied: "no" });
    await calls[0]?.chunks.return?.();
    await until("there is room again", async () => {
      const trailers = await carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live" })).headers.then(() => true, () => false);
      return trailers;
    });
  }, 30_000);
});

describe("a tunnel that is lost", () => {
  it("fails every call with `unavailable`, and the next call opens another", async () => {
    const upstream = await startFakeServer(({ stream }) => finish(stream));
    const first = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } } });
    const sockets: { destroy(): void }[] = [];
    first.server.on("upgrade", (_request, socket: { destroy(): void }) => sockets.push(socket));
    const own = openTunnel(first.url);
    closing.push(() => own.close(), () => first.close(), () => upstream.close());
    const call = (): ReturnType<Carrier["call"]> => own.call(callOf("/t.T/Server", { kind: "server", lane: "live" }));
    const [a, b] = [call(), call()];
    await Promise.all([a.headers, b.headers]);
    expect(sockets).toHaveLength(1);
    sockets[0]?.destroy();
    for (const lost of [a, b]) expect(await rejection(lost.chunks.next())).toMatchObject({ code: "unavailable", applied: "unknown" });
    await until("the calls are free upstream", () => upstream.calls.every(({ stream }) => stream.destroyed));
    await call().headers;
    expect(sockets).toHaveLength(2);
  });

  it("is told before a gateway closes: calls that go on end with `drain`", async () => {
    const { served, carrier } = await open(({ stream }) => finish(stream));
    const live = carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live" }));
    await live.headers;
    const closed = served.gateway.close();
    const { trailers } = await readAll(live);
    expect([trailers.status, trailers.headers.get("millrace-reason")]).toEqual([14, "drain"]);
    await closed;
    expect(await rejection(carrier.call(callOf("/t.T/Unary")).trailers)).toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("fails with `unavailable`, nothing applied, where nobody listens", async () => {
    const own = openTunnel("http://127.0.0.1:9", { connectTimeoutMs: 2_000 });
    closing.push(() => own.close());
    expect(await rejection(own.call(callOf("/t.T/Write")).trailers)).toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("says what to use where there is no WebSocket", async () => {
    const own = openTunnel("http://127.0.0.1:9", { webSocket: undefined });
    const error = await rejection(own.call(callOf("/t.T/Write")).trailers);
    if ("WebSocket" in globalThis) return expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ code: "unsupported", message: expect.stringMatching(/webSocket.*ws.*http2Carrier/) });
  });

  it("ends with its carrier", async () => {
    const { carrier } = await open(({ stream }) => finish(stream));
    const live = carrier.call(callOf("/t.T/Server", { kind: "server", lane: "live" }));
    await live.headers;
    await carrier.close();
    await carrier.close();
    expect(await rejection(live.chunks.next())).toMatchObject({ code: "unavailable", message: "The carrier is closed" });
    expect(await rejection(carrier.call(callOf("/t.T/Unary")).trailers)).toMatchObject({ code: "unavailable" });
  });
});
