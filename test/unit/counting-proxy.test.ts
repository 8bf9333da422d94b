import { once } from "node:events";
import { connect, createServer, type ClientHttp2Session, type ClientHttp2Stream, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeFrame, frameFlag, frameType } from "../support/h2-frames.js";
import { announceStreams } from "../support/h2-settings.js";
import { startCountingProxy, type CountingProxy, type CountingProxyOptions } from "../support/counting-proxy.js";

const CANCEL = 8;

describe("startCountingProxy()", () => {
  let server: Http2Server;
  let proxy: CountingProxy;
  let streams: ServerHttp2Stream[];
  const sessions: ClientHttp2Session[] = [];

  /** `/live` is answered and stays open; everything else is echoed. */
  function serve(stream: ServerHttp2Stream, path: string | undefined): void {
    streams.push(stream);
    stream.on("error", () => undefined);
    stream.respond({ ":status": 200 });
    if (path === "/live") stream.write("first");
    else stream.pipe(stream);
  }

  async function start(options: Omit<CountingProxyOptions, "target"> = {}): Promise<void> {
    const { port } = server.address() as AddressInfo;
    proxy = await startCountingProxy({ target: `http://127.0.0.1:${port}`, ...options });
  }

  function client(): ClientHttp2Session {
    const session = connect(proxy.url);
    session.on("error", () => undefined);
    sessions.push(session);
    return session;
  }

  function open(session: ClientHttp2Session, path: string, body?: string | Buffer): ClientHttp2Stream {
    const stream = session.request({ ":method": "POST", ":path": path }, { endStream: false });
    stream.on("error", () => undefined);
    stream.resume();
    if (body !== undefined) stream.end(body);
    return stream;
  }

  /** Unlike `once()`, which rejects on the error that a reset brings first. */
  function gone(one: ClientHttp2Session | ClientHttp2Stream): Promise<void> {
    return new Promise((resolve) => one.once("close", resolve));
  }

  beforeEach(async () => {
    streams = [];
    server = createServer();
    server.on("stream", (stream, headers) => serve(stream, headers[":path"]));
    server.on("session", (session) => session.on("error", () => undefined));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    await proxy.close();
    server.close();
  });

  it("forwards bytes unchanged both ways, however many", async () => {
    await start();
    const body = Buffer.alloc(3_000_000, "0123456789abcdef");
    const stream = open(client(), "/echo");
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.end(body);
    await gone(stream);
    expect(Buffer.concat(parts).equals(body)).toBe(true);
    expect(proxy.calls()[0]?.responseBytes).toBe(body.length);
  });

  it("tells calls apart by path, also when the headers are compressed against earlier ones", async () => {
    await start();
    const session = client();
    // Padded, so that the encoder finds the Huffman code shorter for the rare characters too.
    const printable = String.fromCharCode(...Array.from({ length: 94 }, (_, n) => 33 + n));
    const paths = ["/umadb.v1.DCB/Append", "/umadb.v1.DCB/Read", "/umadb.v1.DCB/Append", `/${"a".repeat(300)}${printable}`, "/umadb.v1.DCB/Read"];
    for (const path of paths) await gone(open(session, path, "x"));
    expect(proxy.calls().map(({ path }) => path)).toEqual(paths);
    expect(proxy.counts("/umadb.v1.DCB/Read")).toMatchObject({ opened: 2, finished: 2, open: 0 });
  });

  it("counts what is open, what finished, and resets by the side that sent them", async () => {
    await start();
    const session = client();
    const live = open(session, "/live", "x");
    const other = open(session, "/live", "x");
    await gone(open(session, "/echo", "x"));
    await proxy.until(() => proxy.calls("/live").every(({ responseBytes }) => responseBytes === 5), 2_000);
    expect(proxy.counts()).toMatchObject({ connections: 1, opened: 3, open: 2, finished: 1 });
    const before = performance.now();
    live.close(CANCEL);
    await proxy.until(() => proxy.counts().resetByClient === 1, 2_000);
    streams[1]?.destroy(new Error("gone wrong"));
    await gone(other);
    expect(proxy.counts()).toMatchObject({ open: 0, finished: 1, resetByClient: 1, resetByServer: 1, lost: 0 });
    const end = proxy.calls("/live")[0]?.end;
    expect(end).toMatchObject({ how: "reset", by: "client", code: CANCEL });
    expect(end?.at).toBeGreaterThanOrEqual(before);
    expect(proxy.connections[0]?.watch.peakOpen).toBe(3);
  });

  it("counts calls as lost when their connection goes", async () => {
    await start();
    const session = client();
    open(session, "/live", "x");
    await proxy.until(() => proxy.openCalls("/live").length === 1, 2_000);
    session.destroy();
    await proxy.until(() => proxy.counts().connectionsOpen === 0, 2_000);
    expect(proxy.counts().finished).toBe(0);
    expect(proxy.openCalls()).toEqual([]);
  });

  it("sees GOAWAY with its code and side", async () => {
    await start();
    const session = client();
    await gone(open(session, "/echo", "x"));
    session.goaway(11, 0);
    await proxy.until(() => proxy.goaways().length > 0, 2_000);
    expect(proxy.goaways()[0]).toMatchObject({ by: "client", code: 11 });
  });

  it("cuts after the request reached the server", async () => {
    await start({ fault: (_, stage) => (stage === "request-end" ? { kind: "cut" } : undefined) });
    const arrived = once(server, "stream");
    const session = client();
    const closed = gone(session);
    open(session, "/echo", "whole");
    await arrived;
    await closed;
    expect(proxy.calls()[0]).toMatchObject({ path: "/echo", answeredAt: undefined, end: { how: "lost" } });
  });

  it("cuts before the answer and may leave the server its connection", async () => {
    await start({ fault: (_, stage) => (stage === "answered" ? { kind: "cut", server: "linger" } : undefined) });
    const session = client();
    const stream = open(session, "/live", "x");
    let answered = false;
    stream.on("response", () => void (answered = true));
    await gone(session);
    expect(answered).toBe(false);
    expect(streams[0]?.destroyed).toBe(false);
    expect(proxy.counts()).toMatchObject({ connectionsOpen: 0, lost: 1 });
  });

  it("cuts in the middle of a frame after a number of bytes", async () => {
    await start();
    const session = client();
    const stream = open(session, "/echo");
    await once(stream, "response");
    const connection = proxy.connections[0];
    connection?.cutAfter("to-client", connection.bytes["to-client"] + 1_000);
    const closed = gone(session);
    stream.end(Buffer.alloc(50_000));
    await closed;
    expect(connection?.closed).toBe(true);
  });

  it("freezes a path without a word and goes on when thawed", async () => {
    await start();
    const session = client();
    const stream = open(session, "/live", "x");
    const received: string[] = [];
    stream.on("data", (part: Buffer) => received.push(part.toString()));
    await once(stream, "data");
    proxy.connections[0]?.freeze();
    const pong = new Promise<void>((resolve) => session.ping(() => resolve()));
    streams[0]?.write("second");
    const other = client();
    // What is not frozen moves meanwhile, several times there and back.
    for (let n = 0; n < 5; n++) await gone(open(other, "/echo", "another connection"));
    expect(received).toEqual(["first"]);
    expect(proxy.connections[0]?.watch.clientPings).toBe(0);
    expect(session.closed).toBe(false);
    proxy.connections[0]?.thaw();
    await proxy.until(() => proxy.calls("/live")[0]?.responseBytes === 11, 2_000);
    await pong;
    expect(proxy.connections[0]?.watch.clientPings).toBe(1);
  });

  it("counts calls as lost when their client gives a frozen path up", async () => {
    await start({ fault: (_, stage) => (stage === "request-end" ? { kind: "freeze", direction: "to-client" } : undefined) });
    const session = client();
    const stream = open(session, "/live", "x");
    let answered = false;
    stream.on("response", () => void (answered = true));
    await proxy.until(() => proxy.calls("/live")[0]?.requestEndedAt !== undefined, 2_000);
    session.destroy();
    await proxy.until(() => proxy.counts().lost === 1, 2_000);
    expect(answered).toBe(false);
    expect(proxy.counts().connectionsOpen).toBe(0);
  });

  it("announces fewer concurrent streams than the server does", async () => {
    await start({ maxConcurrentStreams: 3 });
    const session = client();
    const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams?: number }];
    expect(settings.maxConcurrentStreams).toBe(3);
    for (let n = 0; n < 5; n++) open(session, "/live", "x");
    await proxy.until(() => proxy.openCalls().length === 3, 2_000);
    await gone(open(client(), "/echo", "x"));
    expect(proxy.connections[0]?.watch.peakOpen).toBe(3);
  });

  it("announces them also when the server's SETTINGS come in pieces", () => {
    const settings = encodeFrame(frameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 1, 0, 0, 4, 0, 0, 255, 255]));
    const next = encodeFrame(frameType.settings, frameFlag.ack, 0);
    const forward = announceStreams(7);
    const out = [...settings, ...next].map((byte) => forward(Buffer.from([byte])));
    const expected = encodeFrame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 255, 255, 0, 3, 0, 0, 0, 7]));
    expect(Buffer.concat(out)).toEqual(Buffer.concat([expected, next]));
  });

  it("refuses new connections while it does not accept", async () => {
    await start();
    proxy.accepting = false;
    await gone(client());
    expect(proxy.counts().connections).toBe(0);
  });

  it("rejects with what it counted when a condition does not come about", async () => {
    await start();
    await expect(proxy.until(() => false, 10)).rejects.toThrow(/Not within 10 ms.*"connections":0/);
  });
});
