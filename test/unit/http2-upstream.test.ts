import { constants } from "node:http2";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Upstream, type UpstreamOptions } from "../../src/carrier/http2/upstream.js";
import { answer, grpcHeaders, startFakeServer, startTcpServer, type FakeCall } from "../support/fake-grpc-server.js";
import { startUnansweringServer } from "../support/h2-unanswering-server.js";
import { eventually, openRecorded } from "../support/upstream-call.js";

const cleanUp: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function fake(handle: (call: FakeCall) => void, options?: Parameters<typeof startFakeServer>[1]) {
  const server = await startFakeServer(handle, options);
  cleanUp.push(server.close);
  return server;
}

async function tcp(handle?: (socket: Socket) => void) {
  const server = await startTcpServer(handle);
  cleanUp.push(server.close);
  return server;
}

function upstreamOf(url: string, options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = new Upstream({ url, ...options });
  cleanUp.push(() => upstream.close());
  return upstream;
}

const message = Buffer.from([0, 0, 0, 0, 2, 7, 7]);
const echoPath = ({ stream }: FakeCall): void => answer(stream, message);
const neverAnswer = (): void => undefined;
const headersOnly = ({ stream }: FakeCall): void => stream.respond(grpcHeaders);

describe("Upstream", () => {
  it("tells headers, bytes and trailers of a call, in this order", async () => {
    const server = await fake(echoPath);
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.events).toEqual(["headers", "data", "end"]);
    expect(Buffer.concat(call.chunks)).toEqual(message);
    expect(call.trailers?.["grpc-status"]).toBe("0");
  });

  it("tells a trailers-only answer as an end without headers", async () => {
    const server = await fake(({ stream }) => stream.respond({ ...grpcHeaders, "grpc-status": "5", "grpc-message": "gone" }, { endStream: true }));
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.events).toEqual(["end"]);
    expect(call.trailers).toMatchObject({ "grpc-status": "5", "grpc-message": "gone" });
  });

  it("sends the request line, metadata and grpc-timeout, with the url's path in front", async () => {
    const server = await fake(echoPath);
    await openRecorded(upstreamOf(`${server.url}/stores/a/`), { headers: { "x-one": "1", "x-bin": ["AA", "AB"] }, timeoutMs: 250 }).over;
    expect(server.calls[0]?.headers).toMatchObject({
      ":method": "POST", ":path": "/stores/a/test.Service/Call", "content-type": "application/grpc+proto", te: "trailers",
      "grpc-timeout": "250m", "x-one": "1", "x-bin": "AA, AB",
    });
  });

  it.each([
    ["above 16 KiB in all", { "x-big": "a".repeat(16_300) }, /16384 are allowed/],
    ["that belong to the protocol", { "grpc-timeout": "1S" }, /grpc-timeout/],
    ["with a line break in the value", { "x-a": "secret\r\nb: c" }, /"x-a" has a name or value/],
    ["with a blank in the name", { "x a": "b" }, /"x a" has a name or value/],
  ])("refuses request headers %s before it connects", async (_what, headers, text) => {
    const server = await fake(echoPath);
    const call = openRecorded(upstreamOf(server.url), { headers });
    expect(call.events).toEqual([]);
    await call.over;
    expect(call.failure).toMatchObject({ sent: false, error: { code: "invalid_argument", applied: "no" } });
    expect(call.failure?.error.message).toMatch(text);
    expect(call.failure?.error.message).not.toContain("secret");
    expect(server.connections).toHaveLength(0);
  });

  it.each(["a", "\xe9"])("passes request headers of 15 000 bytes, each a %s", async (letter) => {
    const server = await fake(echoPath);
    const call = openRecorded(upstreamOf(server.url), { headers: { "x-big": letter.repeat(15_000) } });
    await call.over;
    expect(call.failure).toBeUndefined();
    expect(server.calls[0]?.headers["x-big"]).toBe(letter.repeat(15_000));
  });

  it("keeps each lane on connections of its own", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url);
    const calls = (["short", "live", "append", "short", "live"] as const).map((lane) => openRecorded(upstream, { lane }));
    await Promise.all(calls.map((call) => call.until(({ events }) => events.includes("headers"))));
    const sessions = server.calls.map(({ session }) => [...server.sessions].indexOf(session));
    expect(new Set(sessions).size).toBe(3);
    expect(upstream.stats().lanes).toMatchObject({ short: { sessions: 1, calls: 2 }, live: { sessions: 1, calls: 2 }, append: { sessions: 1, calls: 1 } });
  });

  it("holds back a body that the server does not read, and says when to go on", async () => {
    const server = await fake(({ stream }) => void stream.pause());
    const call = openRecorded(upstreamOf(server.url), { lane: "live" }, null);
    expect(call.write(Buffer.alloc(1_024))).toBe(false); // there is no connection yet
    await call.until(({ events }) => events.includes("writable"), 2_000);
    const piece = Buffer.alloc(64 * 1024);
    let pieces = 1;
    while (call.write(piece)) expect(++pieces).toBeLessThan(64);
    call.write(piece);
    await eventually(() => server.calls.length === 1, "the call is there");
    expect(call.events).toEqual(["writable"]);
    server.calls[0]?.stream.resume();
    await call.until(({ events }) => events.length === 2, 2_000);
    expect(call.events).toEqual(["writable", "writable"]);
  });

  it("stops the server by flow control while the call is paused", async () => {
    let sent = 0;
    const server = await fake(({ stream }) => {
      stream.respond(grpcHeaders);
      const fill = (): void => {
        while (!stream.destroyed && sent < 8 * 1024 * 1024) {
          sent += 16_384;
          if (!stream.write(Buffer.alloc(16_384))) return void stream.once("drain", fill);
        }
      };
      fill();
    });
    const call = openRecorded(upstreamOf(server.url, { windowBytes: 128 * 1024 }), { lane: "live" }, Buffer.alloc(5), (name, self) => {
      if (name === "headers") self.pause();
    });
    await call.until(({ events }) => events.includes("headers"));
    await eventually(() => sent >= 128 * 1024, "the window is full");
    // What was sent and is not in the window waits at the server.
    expect(call.bytes).toBe(0);
    expect(sent).toBeLessThan(1024 * 1024);
    call.resume();
    await call.until(({ bytes }) => bytes >= 8 * 1024 * 1024);
  });
});

describe("Upstream connecting", () => {
  it("sends nothing but the preface before the server's SETTINGS, and gives up after connectTimeoutMs", async () => {
    let received = Buffer.alloc(0);
    const server = await tcp((socket) => socket.on("data", (bytes) => void (received = Buffer.concat([received, bytes]))));
    const upstream = upstreamOf(server.url, { connectTimeoutMs: 100 });
    const calls = [openRecorded(upstream, {}), openRecorded(upstream, {})];
    await Promise.all(calls.map((call) => call.over));
    for (const { failure } of calls) expect(failure).toMatchObject({ sent: false, answered: false, error: { code: "unavailable", applied: "no" } });
    expect(frameTypes(received)).not.toContain(1); // HEADERS
    await eventually(() => server.connections.every((socket) => socket.destroyed || socket.readableEnded), "the connection is dropped");
  });

  it("does not hold it against the server that its own process was busy", async () => {
    const server = await fake(echoPath);
    const upstream = upstreamOf(server.url, { connectTimeoutMs: 200 });
    const call = openRecorded(upstream, {});
    const busyUntil = performance.now() + 500;
    while (performance.now() < busyUntil);
    await call.over;
    expect(call.events.at(-1)).toBe("end");
  });

  it("says that nothing was sent where nobody listens, and connects again for the next call", async () => {
    const server = await startFakeServer(echoPath);
    await server.close();
    const upstream = upstreamOf(server.url);
    for (let attempt = 0; attempt < 2; attempt++) {
      const call = openRecorded(upstream, { lane: "append", cancel: "never" });
      await call.over;
      expect(call.failure).toMatchObject({ sent: false, error: { code: "unavailable", applied: "no" } });
      expect(call.failure?.error.message).toContain("ECONNREFUSED");
    }
  });

  it("says so when the server speaks no HTTP/2", async () => {
    const server = await tcp((socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.failure).toMatchObject({ sent: false, error: { code: "unavailable", applied: "no" } });
  });

  it("forgets a call that is left while it waits", async () => {
    const server = await tcp();
    const upstream = upstreamOf(server.url);
    const call = openRecorded(upstream, {});
    await eventually(() => server.connections.length === 1, "connected");
    call.leave();
    expect(upstream.stats().lanes.short).toMatchObject({ waiting: 0, calls: 0 });
    expect(call.sent).toBe(false);
  });

  it("opens another session at 80 % of the server's stream limit: 50 calls on a server that allows 10", async () => {
    const server = await fake(headersOnly, { settings: { maxConcurrentStreams: 10 } });
    const upstream = upstreamOf(server.url);
    const calls = Array.from({ length: 50 }, () => openRecorded(upstream, { lane: "live" }));
    await Promise.all(calls.map((call) => call.until(({ events }) => events.includes("headers"), 1_000)));
    const bySession = new Map<unknown, number>();
    for (const { session } of server.calls) bySession.set(session, (bySession.get(session) ?? 0) + 1);
    expect(Math.max(...bySession.values())).toBe(8);
    expect(upstream.stats().lanes.live).toMatchObject({ sessions: 7, calls: 50, waiting: 0 });
  });

  it("gives a waiting call the place of one that ends", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url, { appendSessions: 1 });
    const [first, second] = [openRecorded(upstream, { lane: "append" }), openRecorded(upstream, { lane: "append" })];
    await first.until(({ events }) => events.includes("headers"));
    expect(upstream.stats().lanes.append).toMatchObject({ calls: 1, waiting: 1 });
    server.calls[0]?.stream.close();
    await second.until(({ events }) => events.includes("headers"));
    expect(server.sessions.size).toBe(1);
  });
});

describe("Upstream ending", () => {
  it("says unavailable and unknown when a stream closes without an error and without trailers", async () => {
    const server = await fake(({ stream }) => {
      stream.respond(grpcHeaders);
      stream.write(message, () => stream.close(constants.NGHTTP2_NO_ERROR));
    });
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.failure).toMatchObject({ sent: true, answered: true, error: { code: "unavailable", applied: "unknown" } });
  });

  it.each([
    [constants.NGHTTP2_REFUSED_STREAM, "unavailable", "no", false],
    [constants.NGHTTP2_CANCEL, "unavailable", "unknown", true],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, "resource_exhausted", "unknown", true],
    [constants.NGHTTP2_INADEQUATE_SECURITY, "permission_denied", "unknown", true],
    [constants.NGHTTP2_INTERNAL_ERROR, "internal", "unknown", true],
    [constants.NGHTTP2_FLOW_CONTROL_ERROR, "protocol", "unknown", true],
  ])("maps a reset with HTTP/2 code %i to %s, applied %s", async (reset, code, applied, sent) => {
    const server = await fake(({ stream }) => stream.close(reset));
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.failure).toMatchObject({ sent, answered: false, error: { code, applied } });
  });

  it.each([
    [{ ":status": 401 }, "unauthenticated"],
    [{ ":status": 404 }, "unsupported"],
    [{ ":status": 431 }, "protocol"],
    [{ ":status": 503 }, "unavailable"],
    [{ ":status": 200, "content-type": "text/html" }, "protocol"],
    [{ ":status": 200, "content-type": "application/grpc-web" }, "protocol"],
  ])("fails on the answer %o that is no gRPC, without its body", async (headers, code) => {
    const server = await fake(({ stream }) => {
      stream.respond(headers);
      stream.end("<html>secret</html>");
    });
    const call = openRecorded(upstreamOf(server.url), {});
    await call.over;
    expect(call.events).toEqual(["fail"]);
    expect(call.failure).toMatchObject({ sent: true, answered: true, error: { code } });
    expect(call.failure?.error.message).not.toContain("secret");
  });

  it("takes GOAWAY as a drain, though it comes twice: open calls go on, the next one gets a new session", async () => {
    const server = await fake(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    });
    const upstream = upstreamOf(server.url);
    const first = openRecorded(upstream, { lane: "live" });
    await first.until(({ events }) => events.includes("headers"));
    server.calls[0]?.session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
    await first.until(({ events }) => events.includes("goaway"));
    server.calls[0]?.session.goaway(constants.NGHTTP2_NO_ERROR, 1);
    const second = openRecorded(upstream, { lane: "live" });
    await second.until(({ events }) => events.includes("headers"));
    expect(server.calls[1]?.session).not.toBe(server.calls[0]?.session);
    server.calls[0]?.stream.end(message);
    await first.over;
    expect(first.events).toEqual(["headers", "goaway", "data", "end"]);
    expect(upstream.stats().sessionsLost).toBe(0);
  });

  it("fails the calls of a session that ends with a GOAWAY of an error", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url);
    const calls = [openRecorded(upstream, { lane: "live" }), openRecorded(upstream, { lane: "live" })];
    await Promise.all(calls.map((call) => call.until(({ events }) => events.includes("headers"))));
    server.calls[0]?.session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 3);
    await Promise.all(calls.map((call) => call.over));
    for (const { failure } of calls) expect(failure).toMatchObject({ sent: true, error: { code: "unavailable", reason: "upstream-lost" } });
    await openRecorded(upstream, { lane: "live" }).until(({ events }) => events.includes("headers"));
  });

  it("knows from a GOAWAY which calls the server never looked at: nothing of theirs was applied", async () => {
    const server = await fake(neverAnswer);
    const upstream = upstreamOf(server.url);
    const [seen, unseen] = [openRecorded(upstream, { cancel: "never" }), openRecorded(upstream, { cancel: "never" })];
    await eventually(() => server.calls.length === 2, "the calls are there");
    server.calls[0]?.session.goaway(constants.NGHTTP2_INTERNAL_ERROR, 1);
    await Promise.all([seen, unseen].map((call) => call?.over));
    expect(seen?.failure).toMatchObject({ sent: true, error: { code: "unavailable", applied: "unknown" } });
    expect(unseen?.failure).toMatchObject({ sent: false, error: { code: "unavailable", applied: "no" } });
  });

  it.each([
    ["reset", (socket: Socket) => void socket.resetAndDestroy()],
    ["closed", (socket: Socket) => void socket.destroy()],
  ])("fails the calls of a connection that is %s, and connects again", async (_how, cut) => {
    const server = await fake(neverAnswer);
    const upstream = upstreamOf(server.url);
    const call = openRecorded(upstream, { lane: "append", cancel: "never" });
    await eventually(() => server.calls.length === 1, "the call is there");
    cut(server.connections[0]!);
    await call.over;
    expect(upstream.stats().sessionsLost).toBe(1);
    expect(call.failure).toMatchObject({ sent: true, answered: false, error: { code: "unavailable", applied: "unknown", reason: "upstream-lost" } });
    openRecorded(upstream, { lane: "append" });
    await eventually(() => server.calls.length === 2, "the next call is there");
  });

  it("close() ends waiting and open calls, drops the connections, and takes no more calls", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url);
    const open = openRecorded(upstream, { lane: "live" });
    await open.until(({ events }) => events.includes("headers"));
    const waiting = openRecorded(upstream, { lane: "short" });
    await Promise.all([upstream.close(), upstream.close()]);
    expect(open.failure).toMatchObject({ sent: true, error: { code: "unavailable" } });
    expect(waiting.failure).toMatchObject({ sent: false, error: { code: "unavailable", applied: "no" } });
    await eventually(() => server.sessions.size === 0, "no session is left");
    const late = openRecorded(upstream, {});
    await late.over;
    expect(late.failure).toMatchObject({ sent: false, error: { code: "unavailable", applied: "no" } });
  });

  it("close() lets an append that was sent run to its end", async () => {
    const server = await fake(neverAnswer);
    const upstream = upstreamOf(server.url);
    const append = openRecorded(upstream, { lane: "append", cancel: "never" });
    await eventually(() => server.calls.length === 1, "the append is there");
    let closed = false;
    const closing = upstream.close().then(() => void (closed = true));
    expect(append.failure).toMatchObject({ sent: true, error: { applied: "unknown" } });
    const [first] = server.calls;
    await new Promise<void>((resolve) => void first?.session.ping(() => resolve()));
    expect(closed).toBe(false);
    expect(first?.stream.destroyed).toBe(false);
    answer(first!.stream, message);
    await closing;
    expect(first?.stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });
});

describe("Upstream.leave()", () => {
  const left = { lane: "live" } as const;

  it("resets at once when the response headers have come", async () => {
    const server = await fake(headersOnly);
    const call = openRecorded(upstreamOf(server.url), left);
    await call.until(({ events }) => events.includes("headers"));
    call.leave();
    await eventually(() => server.calls[0]?.stream.rstCode === constants.NGHTTP2_CANCEL, "reset", 100);
    expect(call.events).toEqual(["headers"]);
  });

  it("resets as soon as the response headers come when it was left before", async () => {
    const server = await fake(neverAnswer);
    const upstream = upstreamOf(server.url);
    const calls = Array.from({ length: 100 }, () => openRecorded(upstream, left));
    await eventually(() => server.calls.length === 100, "the calls are there");
    for (const call of calls) call.leave();
    for (const { stream } of server.calls) if (!stream.destroyed) stream.respond(grpcHeaders);
    await eventually(() => upstream.stats().lanes.live.calls === 0, "all are reset", 500);
    expect(calls.flatMap(({ events }) => events)).toEqual([]);
  });

  it("resets 10 calls at most without headers between two answered PINGs, however late the server answers those", async () => {
    const server = await startUnansweringServer();
    cleanUp.push(server.close);
    // Its own watch over silent connections asks too; here it never does.
    const upstream = upstreamOf(server.url, { pingIntervalMs: 60_000 });
    const calls = Array.from({ length: 45 }, () => openRecorded(upstream, left));
    await eventually(() => server.opened === 45, "all came");
    for (const call of calls) call.leave();
    let atOnce = 0;
    for (let before = 0; server.resets < 45; before = server.resets) {
      // Resets that were sent before a PING have come when the PING comes.
      await eventually(() => server.pings === 1 || server.resets === 45, "the server is asked");
      atOnce = Math.max(atOnce, server.resets - before);
      server.pong();
    }
    expect(atOnce).toBe(10);
    await eventually(() => server.resets === 45, "all are reset");
    expect(upstream.stats().lanes.live).toMatchObject({ calls: 0, abandoned: 0 });
  });

  it("asks again for a call whose request left after the PING that is answered", async () => {
    const server = await startUnansweringServer();
    cleanUp.push(server.close);
    const upstream = upstreamOf(server.url, { pingIntervalMs: 60_000 });
    openRecorded(upstream, left).leave();
    const first = openRecorded(upstream, left);
    await eventually(() => server.opened === 1, "it came");
    first.leave();
    await eventually(() => server.pings === 1, "the server is asked");
    const second = openRecorded(upstream, left);
    await eventually(() => server.opened === 2, "it came");
    second.leave();
    server.pong();
    await eventually(() => server.resets === 1, "the first is reset");
    await eventually(() => server.pings === 1, "the server is asked again");
    expect(server.resets).toBe(1);
    server.pong();
    await eventually(() => server.resets === 2, "the second is reset");
  });

  it("resets at most 50 calls a second and session where no headers come and no PING may be sent", async () => {
    const resets: number[] = [];
    const server = await fake(({ stream }) => void stream.on("close", () => resets.push(performance.now())));
    const upstream = upstreamOf(server.url, { watch: "none" });
    const calls = Array.from({ length: 30 }, () => openRecorded(upstream, left));
    await eventually(() => calls.every(({ sent }) => sent), "all are sent");
    const start = performance.now();
    for (const call of calls) call.leave();
    expect(upstream.stats().lanes.live).toMatchObject({ calls: 30, abandoned: 30 });
    await eventually(() => resets.length === 30, "all are reset");
    // 30 resets, 20 ms apart.
    expect((resets.at(-1) ?? 0) - start).toBeGreaterThanOrEqual(29 * 20 - 10);
    expect((resets.at(-1) ?? 0) - start).toBeLessThan(3_000);
    expect(upstream.stats().lanes.live).toMatchObject({ calls: 0, abandoned: 0 });
  });

  it("reads and drops what comes for an abandoned call that was paused", async () => {
    let drained = false;
    const server = await fake(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(2 * 1024 * 1024), () => void (drained = true));
    });
    const upstream = upstreamOf(server.url);
    const call = openRecorded(upstream, { cancel: "never" }, Buffer.alloc(5), (name, self) => {
      if (name === "headers") self.pause();
    });
    await call.until(({ events }) => events.includes("headers"));
    expect(drained).toBe(false);
    call.leave();
    await eventually(() => drained && upstream.stats().lanes.short.calls === 0, "the server got rid of it");
    expect(call.events).toEqual(["headers"]);
  });

  it("never resets a call that must not be cancelled, and half-closes one whose request is open", async () => {
    const server = await fake(({ stream }) => {
      stream.respond(grpcHeaders, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.resume();
      stream.on("end", () => stream.end(message));
    });
    const upstream = upstreamOf(server.url);
    const call = openRecorded(upstream, { cancel: "never" }, null);
    await call.until(({ events }) => events.includes("headers"));
    call.leave();
    await eventually(() => upstream.stats().lanes.short.calls === 0, "it ended");
    expect(server.calls[0]?.stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect(call.events).toEqual(["headers"]);
  });

  it("leaves the session to others: a neighbour goes on", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url);
    const [gone, neighbour] = [openRecorded(upstream, left), openRecorded(upstream, left)];
    await Promise.all([gone, neighbour].map((call) => call.until(({ events }) => events.includes("headers"))));
    gone?.leave();
    await eventually(() => upstream.stats().lanes.live.calls === 1, "one is left");
    server.calls[1]?.stream.write(message);
    await neighbour?.until(({ events }) => events.includes("data"));
    expect(server.sessions.size).toBe(1);
  });
});

describe("Upstream's PING watch", () => {
  const quick = { pingIntervalMs: 40, pingTimeoutMs: 120, appendLateMs: 40, appendTimeoutMs: 200 };

  it("gives up a session that is silent, without FIN or RST, and its calls fail as lost", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url, quick);
    const calls = [openRecorded(upstream, { lane: "live" }), openRecorded(upstream, { lane: "live" })];
    await Promise.all(calls.map((call) => call.until(({ events }) => events.includes("headers"))));
    server.connections[0]?.pause();
    freeze(server.calls[0]!);
    await Promise.all(calls.map((call) => call.over));
    for (const { failure } of calls) expect(failure).toMatchObject({ sent: true, error: { code: "unavailable", reason: "upstream-lost" } });
    expect(upstream.stats()).toMatchObject({ sessionsLost: 1 });
  });

  it("keeps a session that answers its PINGs, however quiet its calls are", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url, quick);
    const call = openRecorded(upstream, { lane: "live" });
    await call.until(({ events }) => events.includes("headers"));
    let pings = 0;
    server.calls[0]?.session.on("ping", () => pings++);
    await eventually(() => pings >= 8, "eight PINGs");
    expect(call.events).toEqual(["headers"]);
  });

  it("asks nothing of a session without calls, nor with `watch: \"none\"`", async () => {
    const pinged: string[] = [];
    const server = await fake(({ stream, session, headers }) => {
      session.on("ping", () => pinged.push(String(headers["x-who"])));
      if (headers["x-who"] === "idle") answer(stream, message);
      else stream.respond(grpcHeaders);
    });
    const idle = openRecorded(upstreamOf(server.url, quick), { headers: { "x-who": "idle" } });
    const unwatched = openRecorded(upstreamOf(server.url, { ...quick, watch: "none" }), { headers: { "x-who": "unwatched" } });
    const watched = openRecorded(upstreamOf(server.url, quick), { headers: { "x-who": "watched" } });
    await Promise.all([idle.over, unwatched.until(({ events }) => events.length > 0), watched.until(({ events }) => events.length > 0)]);
    await eventually(() => pinged.length >= 4, "four PINGs");
    expect(new Set(pinged)).toEqual(new Set(["watched"]));
  });

  it("says that an append is late when its session is silent, then gives it up, its outcome unknown", async () => {
    const server = await fake(({ session }) => freeze({ session }));
    const upstream = upstreamOf(server.url, quick);
    const append = openRecorded(upstream, { lane: "append", cancel: "never" });
    await append.until(({ events }) => events.includes("late"));
    expect(upstream.stats().lanes.append.calls).toBe(1);
    await append.over;
    expect(append.events).toEqual(["late", "fail"]);
    expect(append.failure).toMatchObject({ sent: true, answered: false, error: { code: "unavailable", applied: "unknown" } });
  });

  it("waits for a slow append as long as its session answers PINGs", async () => {
    let pings = 0;
    const server = await fake(({ session, stream }) => {
      session.on("ping", () => {
        if (++pings === 2) answer(stream, message);
      });
    });
    const append = openRecorded(upstreamOf(server.url, quick), { lane: "append", cancel: "never" });
    await append.over;
    expect(append.events).toEqual(["headers", "data", "end"]);
  });

  it("lets the next append onto a session beyond the limit when one is silent", async () => {
    let first = true;
    const server = await fake(({ session, stream }) => {
      if (first) freeze({ session });
      else answer(stream, message);
      first = false;
    });
    const upstream = upstreamOf(server.url, { appendSessions: 1, appendLateMs: 40, appendTimeoutMs: 500 });
    const silent = openRecorded(upstream, { lane: "append", cancel: "never" });
    const next = openRecorded(upstream, { lane: "append", cancel: "never" });
    await next.over;
    expect(next.events.at(-1)).toBe("end");
    expect(silent.events).toEqual(["late"]);
  });

  it("proves by the bytes that came that an answer it cannot read is one", async () => {
    const server = await fake(({ session }) => {
      // Half of a header block: no answer to anybody, but nothing else that a server sends is so long.
      const block = Buffer.alloc(9 + 16_000);
      block.writeUIntBE(16_000, 0, 3);
      block[3] = 1;
      block.writeUInt32BE(1, 5);
      rawSocket(session).write(block);
      freeze({ session });
    });
    const upstream = upstreamOf(server.url, { ...quick, appendTimeoutMs: 20_000 });
    const append = openRecorded(upstream, { lane: "append", cancel: "never" });
    await append.over;
    expect(append.failure).toMatchObject({ sent: true, answered: true, error: { code: "unavailable", applied: "unknown" } });
  });

  it("takes a busy process of its own for no silence", async () => {
    const server = await fake(headersOnly);
    const upstream = upstreamOf(server.url, quick);
    const call = openRecorded(upstream, { lane: "live" });
    await call.until(({ events }) => events.includes("headers"));
    for (let round = 0; round < 4; round++) {
      const busyUntil = performance.now() + 200;
      while (performance.now() < busyUntil);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let answered = false;
    server.calls[0]?.session.once("ping", () => void (answered = true));
    await eventually(() => answered, "the next PING");
    expect(call.events).toEqual(["headers"]);
  });
});

/** The socket under a session of Node's server, without the guard that Node puts around it. */
function rawSocket(session: FakeCall["session"]): Socket {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === "socket");
  return (session as unknown as Record<symbol, Socket>)[symbol!]!;
}

/** The peer neither reads nor writes any more, and the connection stays open. */
function freeze({ session }: { session: FakeCall["session"] }): void {
  session.ping = () => false;
  const socket = rawSocket(session);
  (socket as unknown as { _handle: { readStop(): void } })._handle.readStop();
}

/** The types of the HTTP/2 frames behind the client's preface. */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) types.push(bytes[at + 3] ?? -1);
  return types;
}
