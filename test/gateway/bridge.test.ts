import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { encodeEnvelope, encodeEnvelopes } from "millrace/internal/wire/frames";
import type { GatewayOptions } from "millrace-server/gateway";
import { answer, grpcHeaders, startFakeServer, type FakeCall, type FakeServer } from "../support/fake-grpc-server.js";
import { callOnce, openCall, parseBody, until } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const methods = [
  { path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  { path: "/t.T/Write", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  { path: "/t.T/Server", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  { path: "/t.T/Client", kind: "client", lane: "short", cancel: "delayed", repeatable: false },
] as const;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(handle: (call: FakeCall) => void, options: Partial<GatewayOptions> = {}): Promise<{ upstream: FakeServer; served: ServedGateway; url: string }> {
  const upstream = await startFakeServer(handle);
  const served = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } }, ...options });
  closing.push(() => served.close(), () => upstream.close());
  return { upstream, served, url: served.url };
}

function respond(stream: ServerHttp2Stream, headers: Record<string, string> = {}): void {
  stream.respond({ ...grpcHeaders, ...headers }, { waitForTrailers: true });
}

function trailersOf(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
}

function bytesOf(stream: ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks)));
  });
}

/** Megabytes in messages that are larger than any window, for a page that does not read. */
function flood(stream: ServerHttp2Stream, messageBytes = 100_000): void {
  respond(stream);
  const message = Buffer.from(encodeEnvelope(new Uint8Array(messageBytes)));
  const more = (): void => {
    while (!stream.destroyed && stream.write(message));
  };
  stream.on("drain", more);
  more();
}

describe("gateway: bridge", () => {
  it("passes messages, metadata and trailers on, byte for byte", async () => {
    const message = randomBytes(300_000);
    const { url } = await open(({ stream }) => {
      respond(stream, { "my-header": "h", "my-bin": "AAEC", "access-control-allow-origin": "*", "set-cookie": "a=b", "clear-site-data": "\"*\"", refresh: "0" });
      trailersOf(stream, { "grpc-status": "0", "my-trailer": "t", "other-bin": "AwQ" });
      stream.pipe(stream);
    });
    const { response, messages, trailers } = await callOnce(url, "/t.T/Unary", message, { headers: { origin: "http://localhost:1" } });
    expect(messages).toHaveLength(1);
    expect(Buffer.compare(messages[0] as Buffer, message)).toBe(0);
    expect(response.headers).toMatchObject({
      "my-header": "h", "my-bin": "AAEC", "content-type": "application/grpc-web+proto", "x-accel-buffering": "no",
      "cache-control": "no-store, no-transform", "access-control-allow-origin": "http://localhost:1",
    });
    expect(response.headers["access-control-expose-headers"]).toContain("my-header");
    for (const name of ["set-cookie", "clear-site-data", "refresh"]) expect(response.headers[name], name).toBeUndefined();
    expect(Object.fromEntries(trailers ?? [])).toEqual({ "grpc-status": "0", "my-trailer": "t", "other-bin": "AwQ" });
  });

  it("moves the status of an answer without a body into the trailer frame", async () => {
    const { url } = await open(({ stream }) => {
      stream.respond({ ...grpcHeaders, "grpc-status": "5", "grpc-message": "not%20there", "my-trailer": "t" }, { endStream: true });
    });
    const { response, trailers, messages } = await callOnce(url, "/t.T/Unary", new Uint8Array(0));
    expect(response.headers["grpc-status"]).toBeUndefined();
    expect(messages).toEqual([]);
    expect(Object.fromEntries(trailers ?? [])).toEqual({ "grpc-status": "5", "grpc-message": "not%20there", "my-trailer": "t" });
  });

  it("keeps messages that came before an error", async () => {
    const { url } = await open(({ stream }) => {
      respond(stream);
      trailersOf(stream, { "grpc-status": "13", "grpc-message": "half way", "details-bin": "AQ" });
      stream.end(encodeEnvelopes([new Uint8Array(3), new Uint8Array(7)]));
    });
    const { messages, trailers } = await callOnce(url, "/t.T/Server", new Uint8Array(0));
    expect(messages.map((message) => message.length)).toEqual([3, 7]);
    expect(Object.fromEntries(trailers ?? [])).toEqual({ "grpc-status": "13", "grpc-message": "half way", "details-bin": "AQ" });
  });

  it("passes any number of request messages of a streaming call on", async () => {
    const body = encodeEnvelopes(Array.from({ length: 500 }, (_, n) => new Uint8Array(n)));
    let received: Buffer | undefined;
    const { url } = await open(({ stream }) => {
      void bytesOf(stream).then((bytes) => {
        received = bytes;
        answer(stream, new Uint8Array(0));
      });
    });
    const call = openCall(url, "/t.T/Client");
    for (let at = 0; at < body.length; at += 1_000) call.write(body.subarray(at, at + 1_000));
    call.end();
    expect(parseBody(await call.body).trailers?.get("grpc-status")).toBe("0");
    expect(Buffer.compare(received as Buffer, body)).toBe(0);
  });

  it.each([
    ["no message", new Uint8Array(0)],
    ["two messages", encodeEnvelopes([new Uint8Array(1), new Uint8Array(1)])],
    ["half a message", encodeEnvelope(new Uint8Array(10)).subarray(0, 9)],
    ["half a header", new Uint8Array(3)],
    ["a trailer frame", new Uint8Array([0x80, 0, 0, 0, 0])],
  ])("refuses %s where one message is due, and sends nothing upstream", async (_what, body) => {
    const { url, upstream } = await open(({ stream }) => answer(stream, new Uint8Array(0)));
    const call = openCall(url, "/t.T/Unary");
    call.end(body);
    const { trailers } = parseBody(await call.body);
    expect(trailers?.get("grpc-status")).toBe("3");
    expect(trailers?.get("millrace-applied")).toBe("no");
    expect(upstream.calls).toHaveLength(0);
  });

  it("sends a unary call upstream when its body is complete, not before", async () => {
    const { url, upstream } = await open(({ stream }) => answer(stream, new Uint8Array(0)));
    const call = openCall(url, "/t.T/Unary");
    const body = encodeEnvelope(new Uint8Array(100));
    call.write(body.subarray(0, 105));
    await callOnce(url, "/t.T/Server", new Uint8Array(0));
    expect(upstream.calls.map(({ headers }) => headers[":path"])).toEqual(["/t.T/Server"]);
    call.end();
    expect(parseBody(await call.body).trailers?.get("grpc-status")).toBe("0");
  });

  it("asks the policy for every message, and ends the call at the first that it refuses", async () => {
    const asked: string[] = [];
    const { url, upstream } = await open(() => undefined, {
      allowAll: false,
      hosts: ["127.0.0.1"],
      policy: async ({ method, resources, principal }) => {
        asked.push(`${principal.kind} ${method.path} ${resources.map(({ name }) => name).join()}`);
        await Promise.resolve();
        return asked.length < 3 ? { allowed: true } : { allowed: false, message: "the third is one too many" };
      },
    });
    const call = openCall(url, "/t.T/Client");
    call.end(encodeEnvelopes([new Uint8Array(1), new Uint8Array(1), new Uint8Array(1), new Uint8Array(1)]));
    const { trailers } = parseBody(await call.body);
    expect(trailers?.get("grpc-status")).toBe("7");
    expect(trailers?.get("grpc-message")).toBe("the third is one too many");
    expect(asked).toEqual(Array(3).fill("anonymous /t.T/Client test"));
    await until("the upstream call ended", () => upstream.calls.every(({ stream }) => stream.destroyed));
  });
});

describe("gateway: ends of a call", () => {
  it("frees the upstream call within 100 ms when the page goes away", async () => {
    const { url, upstream } = await open(({ stream }) => respond(stream));
    const call = openCall(url, "/t.T/Server");
    call.end(encodeEnvelope(new Uint8Array(0)));
    await until("the call came", () => upstream.calls.length === 1);
    const stream = upstream.calls[0]?.stream as ServerHttp2Stream;
    const closed = once(stream, "close");
    const started = performance.now();
    call.abort();
    await closed;
    expect(performance.now() - started).toBeLessThan(100);
    expect(stream.rstCode).toBe(8);
  });

  it("enforces the deadline, forwards it, and frees the upstream call", async () => {
    const { url, upstream } = await open(({ stream }) => respond(stream));
    const { trailers } = await callOnce(url, "/t.T/Server", new Uint8Array(0), { headers: { "grpc-timeout": "150m" } });
    expect(trailers?.get("grpc-status")).toBe("4");
    expect(trailers?.get("millrace-applied")).toBe("no");
    expect(upstream.calls[0]?.headers["grpc-timeout"]).toMatch(/^\d{2,3}m$/);
    await until("the upstream call ended", () => upstream.calls[0]?.stream.destroyed === true, 100);
  });

  it("says that a write whose deadline passed may be applied", async () => {
    const { url } = await open(() => undefined);
    const { trailers } = await callOnce(url, "/t.T/Write", new Uint8Array(0), { headers: { "grpc-timeout": "100m" } });
    expect(trailers?.get("millrace-applied")).toBe("unknown");
  });

  it("reports an upstream connection that broke, and whether the call may be applied", async () => {
    const { url } = await open(({ session }) => session.destroy());
    const read = await callOnce(url, "/t.T/Unary", new Uint8Array(0));
    expect(read.trailers?.get("grpc-status")).toBe("14");
    expect(read.trailers?.get("millrace-reason")).toBe("upstream-lost");
    expect(read.trailers?.get("millrace-applied")).toBe("no");
    const write = await callOnce(url, "/t.T/Write", new Uint8Array(0));
    expect(write.trailers?.get("millrace-applied")).toBe("unknown");
  });

  it("breaks a response off whose upstream ended in the middle of a message", async () => {
    const { url } = await open(({ stream, session }) => {
      respond(stream);
      stream.write(encodeEnvelope(new Uint8Array(1_000)).subarray(0, 500), () => session.destroy());
    });
    await expect(callOnce(url, "/t.T/Server", new Uint8Array(0))).rejects.toThrow();
  });

  it("reads no faster than the page: an unread response holds the upstream back", async () => {
    const { url, upstream } = await open(({ stream }) => flood(stream));
    const call = openCall(url, "/t.T/Server", { unread: true });
    call.end(encodeEnvelope(new Uint8Array(0)));
    await call.response;
    const sent = (): number => upstream.connections.reduce((sum, socket) => sum + socket.bytesWritten, 0);
    let last = -1;
    await until("nothing moves any more", async () => {
      const before = last;
      last = sent();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return before === last && last > 100_000;
    });
    expect(last).toBeLessThan(16_000_000);
    call.abort();
  });

  it("ends a call that is left unread so that its caller can resume, and frees the upstream", async () => {
    const { url, upstream } = await open(({ stream }) => flood(stream), { limits: { stallMs: 1_200 } });
    const call = openCall(url, "/t.T/Server", { unread: true });
    call.end(encodeEnvelope(new Uint8Array(0)));
    const response = await call.response;
    await until("the upstream call ended", () => upstream.calls[0]?.stream.destroyed === true);
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(response, "end");
    const { trailers, cut, messages } = parseBody(Buffer.concat(chunks));
    expect(cut).toBe(false);
    expect(messages.every((message) => message.length === 100_000)).toBe(true);
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-reason": "stalled", "millrace-applied": "no" });
  });

  it("bounds the unread calls of one address together", async () => {
    const { url, upstream } = await open(({ stream }) => flood(stream), { limits: { stalledCallsPerClient: 2 } });
    const calls = Array.from({ length: 5 }, () => openCall(url, "/t.T/Server", { unread: true }));
    for (const call of calls) call.end(encodeEnvelope(new Uint8Array(0)));
    await until("three of five were ended", () => upstream.calls.length === 5 && upstream.calls.filter(({ stream }) => stream.destroyed).length === 3);
    for (const call of calls) call.abort();
  });

  it("does not end a slow reader", async () => {
    const { url, upstream } = await open(({ stream }) => flood(stream), { limits: { stallMs: 1_000 } });
    const call = openCall(url, "/t.T/Server", { unread: true });
    call.end(encodeEnvelope(new Uint8Array(0)));
    const response = await call.response;
    const until3s = performance.now() + 3_000;
    // Reads the whole time, a little now and then: slower than the upstream, never silent for long.
    while (performance.now() < until3s) {
      response.resume();
      await once(response, "data");
      response.pause();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(upstream.calls[0]?.stream.destroyed).toBe(false);
    call.abort();
  });

  it("ends an unread call soon after its upstream says that it drains", async () => {
    const { url, upstream } = await open(({ stream }) => flood(stream));
    const call = openCall(url, "/t.T/Server", { unread: true });
    call.end(encodeEnvelope(new Uint8Array(0)));
    const response = await call.response;
    await until("the page lags", () => response.readableLength > 0);
    upstream.calls[0]?.session.goaway(0);
    await until("the upstream call ended", () => upstream.calls[0]?.stream.destroyed === true, 2_500);
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(response, "end");
    expect(parseBody(Buffer.concat(chunks)).trailers?.get("millrace-reason")).toBe("drain");
  });

  it("ends an unread call when its upstream says on another connection that it drains", async () => {
    const { url, upstream } = await open(({ stream, headers }) => void (headers[":path"] === "/t.T/Server" && flood(stream)));
    const unread = openCall(url, "/t.T/Server", { unread: true });
    unread.end(encodeEnvelope(new Uint8Array(0)));
    await unread.response;
    // The system's buffers take some megabytes first.
    let heldBack = 0;
    await until("the upstream is held back for good", () => (heldBack = upstream.calls[0]?.stream.writableNeedDrain === true ? heldBack + 1 : 0) > 50);
    const elsewhere = openCall(url, "/t.T/Unary");
    elsewhere.end(encodeEnvelope(new Uint8Array(0)));
    await until("it came on a connection of its own", () => upstream.calls[1] !== undefined && upstream.calls[1].session !== upstream.calls[0]?.session);
    upstream.calls[1]?.session.goaway(0);
    await until("the unread call ended", () => upstream.calls[0]?.stream.destroyed === true, 2_500);
    elsewhere.abort();
    unread.abort();
  });

  it("ends open streams with `drain` when it closes, lets unary calls finish, and refuses new ones", async () => {
    let finish = (): void => undefined;
    const { url, upstream, served } = await open(({ stream, headers }) => {
      if (headers[":path"] === "/t.T/Server") return respond(stream);
      finish = () => answer(stream, encodeEnvelope(new Uint8Array(2)));
    });
    const live = openCall(url, "/t.T/Server");
    live.end(encodeEnvelope(new Uint8Array(0)));
    const unary = callOnce(url, "/t.T/Unary", new Uint8Array(0));
    await until("both calls came", () => upstream.calls.length === 2);
    const closed = served.gateway.close();
    const { trailers } = parseBody(await live.body);
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-reason": "drain", "millrace-applied": "no" });
    expect((await callOnce(url, "/t.T/Unary", new Uint8Array(0))).trailers?.get("millrace-reason")).toBe("drain");
    finish();
    expect((await unary).trailers?.get("grpc-status")).toBe("0");
    await closed;
  });
});

describe("gateway: heartbeats", () => {
  it("sends none to a caller that did not ask", async () => {
    const { url } = await open(({ stream }) => {
      respond(stream);
      trailersOf(stream, { "grpc-status": "0" });
      setTimeout(() => stream.end(), 1_300);
    });
    const { heartbeats, response } = await callOnce(url, "/t.T/Server", new Uint8Array(0));
    expect(heartbeats).toBe(0);
    expect(response.headers["millrace-heartbeat-ms"]).toBeUndefined();
  });

  it("sends the first with the headers, since Firefox shows a page no headers without a byte of the body", async () => {
    const { url } = await open(() => undefined);
    const call = openCall(url, "/t.T/Server", { headers: { "millrace-heartbeat-ms": "60000" } });
    call.end(encodeEnvelope(new Uint8Array(0)));
    const first = await new Promise<Buffer>((resolve, reject) => void call.response.then((response) => response.once("data", resolve), reject));
    expect(parseBody(first)).toMatchObject({ heartbeats: 1, messages: [], cut: false });
    call.abort();
  });

  it("sends them between messages only, never into one, and metadata that came late with the trailers", async () => {
    const message = encodeEnvelope(new Uint8Array(10));
    const { url } = await open(({ stream }) => {
      setTimeout(() => {
        respond(stream, { "my-header": "late" });
        trailersOf(stream, { "grpc-status": "0" });
        stream.write(message.subarray(0, 8));
      }, 1_200);
      setTimeout(() => stream.end(message.subarray(8)), 3_500);
    });
    const { heartbeats, messages, trailers, cut } = await callOnce(url, "/t.T/Server", new Uint8Array(0), { headers: { "millrace-heartbeat-ms": "1000" } });
    expect({ heartbeats, cut, messages: messages.length }).toEqual({ heartbeats: 2, cut: false, messages: 1 });
    expect(trailers?.get("my-header")).toBe("late");
  });
});

describe("gateway: limits", () => {
  it("gives up a body that is not complete in time", async () => {
    const { url } = await open(() => undefined, { limits: { bodyTimeoutMs: 200 } });
    const call = openCall(url, "/t.T/Unary");
    call.write(new Uint8Array(2));
    const { trailers } = parseBody(await call.body);
    expect(trailers?.get("grpc-status")).toBe("8");
    expect(trailers?.get("millrace-reason")).toBe("limit");
    call.abort();
  });

  it("refuses a message above its limit by its header, before it came", async () => {
    const { url } = await open(() => undefined, { limits: { messageBytes: 1_000 } });
    const call = openCall(url, "/t.T/Unary");
    call.write(new Uint8Array([0, 0, 0, 3, 0xe9]));
    expect(parseBody(await call.body).trailers?.get("grpc-status")).toBe("8");
    call.abort();
  });

  it("bounds the bytes that wait, and gives room back when a call is over", async () => {
    const { url } = await open(({ stream }) => answer(stream, new Uint8Array(0)), { limits: { waitingBytes: 3_000 } });
    const first = openCall(url, "/t.T/Unary");
    first.write(encodeEnvelope(new Uint8Array(2_900)).subarray(0, 2_500));
    await until("the bytes wait", async () => (await callOnce(url, "/t.T/Unary", new Uint8Array(600))).trailers?.get("millrace-reason") === "limit");
    first.abort();
    await until("there is room again", async () => (await callOnce(url, "/t.T/Unary", new Uint8Array(600))).trailers?.get("grpc-status") === "0");
  });
});
