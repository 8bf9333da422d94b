import { spawn } from "node:child_process";
import { constants } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { http2Carrier, type Http2CarrierOptions } from "../../src/carrier/http2/index.js";
import type { Carrier, CarrierCall } from "../../src/carrier/types.js";
import { encodeEnvelope, encodeEnvelopes, payloadsOf } from "../../src/wire/frames.js";
import { answer, grpcHeaders, startFakeServer, startTcpServer, type FakeCall } from "../support/fake-grpc-server.js";
import { eventually } from "../support/upstream-call.js";

const cleanUp: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function setUp(handle: (call: FakeCall) => void, options: Partial<Http2CarrierOptions> = {}) {
  const server = await startFakeServer(handle);
  const carrier = http2Carrier({ url: server.url, ...options });
  cleanUp.push(server.close, () => carrier.close());
  return { server, carrier };
}

function callOf(carrier: Carrier, call: Partial<CarrierCall> = {}) {
  return carrier.call({
    path: "/test.Service/Call", kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [bytes(1)], ...call,
  });
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function payloadsIn(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return payloads;
    payloads.push(...payloadsOf(value));
  }
}

describe("http2Carrier()", () => {
  it("makes a unary call: headers, one message, trailers with their metadata", async () => {
    const { server, carrier } = await setUp(({ stream }) => {
      stream.respond({ ...grpcHeaders, "x-first": ["1", "2"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-last": "3", "x-bin": "AAE" }));
      stream.end(encodeEnvelope(bytes(9)));
    });
    const { headers, chunks, trailers } = callOf(carrier, { headers: new Headers({ "x-mine": "m" }) });
    expect((await headers).get("x-first")).toBe("1, 2");
    expect(await payloadsIn(chunks)).toEqual([bytes(9)].map((each) => Buffer.from(each)));
    expect(await trailers).toMatchObject({ status: 0, message: "" });
    expect((await trailers).headers.get("x-bin")).toBe("AAE");
    expect(server.calls[0]?.headers["x-mine"]).toBe("m");
  });

  it("resolves a status other than 0, also of an answer that is nothing else", async () => {
    const { carrier } = await setUp(({ stream }) => stream.respond({ ...grpcHeaders, "grpc-status": "9", "grpc-message": "no%20way", "x-why": "w" }, { endStream: true }));
    const { headers, chunks, trailers } = callOf(carrier);
    expect(await payloadsIn(chunks)).toEqual([]);
    expect(await trailers).toMatchObject({ status: 9, message: "no way" });
    expect((await headers).get("x-why")).toBe("w");
  });

  it("gives chunks of whole envelopes wherever the network cuts", async () => {
    const body = Buffer.from(encodeEnvelopes([bytes(1, 2, 3), bytes(), bytes(4), new Uint8Array(70_000).fill(5)]));
    const { carrier } = await setUp(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      let at = 0;
      const next = (): void => {
        if (at >= 30) return void stream.end(body.subarray(at));
        stream.write(body.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    });
    const payloads = await payloadsIn(callOf(carrier, { kind: "server" }).chunks);
    expect(payloads.map((payload) => payload.length)).toEqual([3, 0, 1, 70_000]);
    expect(Buffer.concat(payloads.map((payload) => encodeEnvelope(payload)))).toEqual(body);
  });

  it("has bidi in both directions at once: each question is asked after the last answer", async () => {
    const { carrier } = await setUp(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.on("data", (chunk: Buffer) => stream.write(chunk));
      stream.on("end", () => stream.end());
    });
    let ask: (message: Uint8Array | undefined) => void = () => undefined;
    async function* questions(): AsyncGenerator<Uint8Array> {
      for (;;) {
        const question = await new Promise<Uint8Array | undefined>((resolve) => void (ask = resolve));
        if (question === undefined) return;
        yield question;
      }
    }
    const { headers, chunks, trailers } = callOf(carrier, { kind: "bidi", lane: "live", messages: questions() });
    await headers;
    for (let n = 0; n < 3; n++) {
      ask(bytes(n));
      const { value } = await chunks.next();
      expect([...payloadsOf(value as Uint8Array)][0]).toEqual(Buffer.from([n]));
    }
    ask(undefined);
    expect((await chunks.next()).done).toBe(true);
    expect((await trailers).status).toBe(0);
  });

  it("takes messages of a client stream no faster than the server reads them", async () => {
    let taken = 0;
    function* messages(): Generator<Uint8Array> {
      while (taken < 200) {
        taken++;
        yield new Uint8Array(64 * 1024);
      }
    }
    const { server, carrier } = await setUp(({ stream }) => void stream.pause());
    const { chunks } = callOf(carrier, { kind: "client", messages: messages() });
    await eventually(() => server.calls.length === 1, "the call is there");
    await new Promise<void>((resolve) => void server.calls[0]?.session.ping(() => resolve()));
    expect(taken).toBeLessThan(20);
    const { stream } = server.calls[0]!;
    let size = 0;
    stream.on("data", (chunk: Buffer) => void (size += chunk.length));
    stream.on("end", () => answer(stream, encodeEnvelope(bytes(1))));
    stream.resume();
    expect(await payloadsIn(chunks)).toHaveLength(1);
    expect(size).toBe(200 * (64 * 1024 + 5));
  });

  it("stops reading while nobody takes chunks", async () => {
    let sent = 0;
    const { server, carrier } = await setUp(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const piece = encodeEnvelope(new Uint8Array(16_379));
      const fill = (): void => {
        while (sent < 16 * 1024 * 1024) {
          sent += piece.length;
          if (!stream.write(piece)) return void stream.once("drain", fill);
        }
        stream.end();
      };
      fill();
    }, { windowBytes: 65_535 });
    const { headers, chunks, trailers } = callOf(carrier, { kind: "server" });
    await headers;
    await chunks.next();
    const session = server.calls[0]!.session;
    for (let before = sent, quiet = 0; quiet < 20; quiet = before === sent ? quiet + 1 : 0, before = sent) {
      await new Promise<void>((resolve) => void session.ping(() => resolve()));
    }
    expect(sent).toBeLessThan(1024 * 1024);
    let got = 0;
    for (const payload of await payloadsIn(chunks)) got += payload.length + 5;
    expect(got).toBeGreaterThan(15 * 1024 * 1024);
    expect((await trailers).status).toBe(0);
  });

  it.each([
    ["a message above maxMessageBytes", Buffer.from([0, 0, 1, 0, 0]), { maxMessageBytes: 1_000 }, "resource_exhausted"],
    ["a compressed message", Buffer.from([1, 0, 0, 0, 0]), {}, "protocol"],
    ["gRPC-Web's trailer frame", Buffer.from([0x80, 0, 0, 0, 0]), {}, "protocol"],
  ])("refuses %s, and frees the call", async (_what, body, options, code) => {
    const { server, carrier } = await setUp(({ stream }) => {
      stream.respond(grpcHeaders);
      stream.write(body);
    }, options);
    const { chunks, trailers } = callOf(carrier, { kind: "server" });
    await expect(chunks.next()).rejects.toMatchObject({ code });
    await expect(trailers).rejects.toMatchObject({ code });
    await eventually(() => server.calls[0]?.stream.rstCode === constants.NGHTTP2_CANCEL, "reset");
  });

  it("says unavailable when the body ends in the middle of a message", async () => {
    const { carrier } = await setUp(({ stream }) => answer(stream, Buffer.from([0, 0, 0, 0, 9, 1])));
    await expect(callOf(carrier).trailers).rejects.toMatchObject({ code: "unavailable" });
  });

  it("ends with the caller's own reason on abort, before and after sending, and resets the call within 100 ms", async () => {
    const { server, carrier } = await setUp(({ stream }) => stream.respond(grpcHeaders));
    const reason = new Error("mine");
    await expect(callOf(carrier, { signal: AbortSignal.abort(reason) }).trailers).rejects.toBe(reason);
    expect(server.connections).toHaveLength(0);
    const controller = new AbortController();
    const { headers, chunks, trailers } = callOf(carrier, { kind: "server", signal: controller.signal });
    await headers;
    const pending = chunks.next();
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(trailers).rejects.toBe(reason);
    await eventually(() => server.calls[0]?.stream.rstCode === constants.NGHTTP2_CANCEL, "reset", 100);
  });

  it("frees the call when its chunks are left, without waiting for a pending next()", async () => {
    const { server, carrier } = await setUp(({ stream }) => stream.respond(grpcHeaders));
    const { headers, chunks } = callOf(carrier, { kind: "server" });
    await headers;
    const pending = chunks.next();
    expect(await chunks.return?.()).toEqual({ done: true, value: undefined });
    expect((await pending).done).toBe(true);
    await eventually(() => server.calls[0]?.stream.rstCode === constants.NGHTTP2_CANCEL, "reset", 100);
  });

  it("enforces timeoutMs, sends it as grpc-timeout, and says whether the call was sent", async () => {
    const { server, carrier } = await setUp(() => undefined);
    await expect(callOf(carrier, { timeoutMs: 80 }).trailers).rejects.toMatchObject({ code: "timeout", applied: "unknown" });
    expect(server.calls[0]?.headers["grpc-timeout"]).toBe("80m");
    const blackHole = await startTcpServer();
    const waiting = http2Carrier({ url: blackHole.url });
    cleanUp.push(blackHole.close, () => waiting.close());
    await expect(callOf(waiting, { timeoutMs: 80 }).trailers).rejects.toMatchObject({ code: "timeout", applied: "no" });
    await expect(callOf(waiting, { connectTimeoutMs: 80 }).trailers).rejects.toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("takes a timeoutMs of 0 for none", async () => {
    const { server, carrier } = await setUp(({ stream }) => answer(stream, encodeEnvelope(bytes(1))));
    expect(await payloadsIn(callOf(carrier, { timeoutMs: 0 }).chunks)).toHaveLength(1);
    expect(server.calls[0]?.headers["grpc-timeout"]).toBeUndefined();
  });

  it("ends with what the caller's messages throw, and tells their source when no more is wanted", async () => {
    const { carrier } = await setUp(({ stream }) => stream.respond(grpcHeaders));
    const mine = new Error("mine");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes(1);
      throw mine;
    }
    await expect(callOf(carrier, { kind: "client", messages: failing() }).trailers).rejects.toBe(mine);
    let returned = false;
    const endless: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => { returned = true; return { done: true, value: undefined }; },
      }),
    };
    const { chunks } = callOf(carrier, { kind: "bidi", messages: endless });
    await chunks.return?.();
    await eventually(() => returned, "its return() was called");
  });

  it("collects the messages of a half-duplex call and sends them at their end", async () => {
    const { server, carrier } = await setUp(({ stream }) => {
      stream.on("data", () => undefined);
      stream.on("end", () => answer(stream, encodeEnvelope(bytes(1))));
    });
    let finish: () => void = () => undefined;
    async function* messages(): AsyncGenerator<Uint8Array> {
      yield bytes(1);
      await new Promise<void>((resolve) => void (finish = resolve));
      yield bytes(2);
    }
    const { chunks } = callOf(carrier, { kind: "bidi", duplex: "half", messages: messages() });
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.connections).toHaveLength(0);
    finish();
    expect(await payloadsIn(chunks)).toHaveLength(1);
  });

  it("sends its own headers and key, which a call's own replace", async () => {
    const { server, carrier } = await setUp(({ stream }) => answer(stream, encodeEnvelope(bytes(1))), {
      apiKey: "k3y", allowInsecureApiKey: true, headers: { "x-a": "carrier", "x-b": "carrier" },
    });
    await payloadsIn(callOf(carrier, { headers: new Headers({ "x-b": "call" }) }).chunks);
    expect(server.calls[0]?.headers).toMatchObject({ authorization: "Bearer k3y", "x-a": "carrier", "x-b": "call" });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["no url", {}, /`url` must be a URL/],
    ["a url of another scheme", { url: "ftp://a" }, /`url` must be a URL/],
    ["a url with a password", { url: "http://a:secret@b" }, /`url` must be a URL/],
    ["a key without TLS", { url: "grpc://a", apiKey: "secret" }, /`apiKey` would travel without TLS/],
    ["a key with a line break", { url: "https://a", apiKey: "secret\n" }, /`apiKey` must be/],
    ["an unreadable authority", { url: "https://a", ca: "secret" }, /`ca` must be certificates/],
    ["a fractional window", { url: "https://a", windowBytes: 70_000.5 }, /`windowBytes` must be an integer/],
    ["a window above 1 MiB", { url: "https://a", windowBytes: 2 ** 21 }, /`windowBytes` must be an integer/],
    ["another kind of watch", { url: "https://a", watch: "secret" }, /`watch` must be one of "ping", "none"/],
    ["an unknown option", { url: "https://a", timeout: 1 }, /`timeout` is no option/],
    ["a reserved header", { url: "https://a", headers: { "grpc-timeout": "1S" } }, /grpc-timeout/],
  ])("refuses %s before it connects, and keeps the value to itself", (_what, options, text) => {
    const make = (): Carrier => http2Carrier(options as unknown as Http2CarrierOptions);
    expect(make).toThrow(text);
    expect(make).not.toThrow(/secret/);
  });

  it("takes grpc: and grpcs: for http: and https:", async () => {
    const { server } = await setUp(({ stream }) => answer(stream, encodeEnvelope(bytes(1))));
    const carrier = http2Carrier({ url: server.url.replace("http:", "GRPC:") });
    cleanUp.push(() => carrier.close());
    expect(await payloadsIn(callOf(carrier).chunks)).toHaveLength(1);
    expect(server.calls[0]?.headers[":scheme"]).toBe("http");
  });

  it("close() ends what is open with unavailable, and what comes later too", async () => {
    const { carrier } = await setUp(({ stream }) => stream.respond(grpcHeaders));
    const open = callOf(carrier, { kind: "server" });
    await open.headers;
    await carrier.close();
    await carrier.close();
    await expect(open.trailers).rejects.toMatchObject({ code: "unavailable" });
    await expect(callOf(carrier).trailers).rejects.toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("does not keep a process alive when idle", async () => {
    const { server } = await setUp(({ stream }) => answer(stream, encodeEnvelope(bytes(1))));
    const script = `
      import { connect } from "node:http2";
      const { http2Carrier } = await import(${JSON.stringify(new URL("../../dist/src/carrier/http2/index.js", import.meta.url).href)});
      const carrier = http2Carrier({ url: ${JSON.stringify(server.url)} });
      const { trailers, chunks } = carrier.call({ path: "/a/b", kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array(1)] });
      while (!(await chunks.next()).done);
      process.stdout.write(String((await trailers).status));
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => void (output += String(chunk)));
    const code = await new Promise((resolve) => void child.on("exit", resolve));
    expect({ code, output }).toEqual({ code: 0, output: "0" });
  });
});
