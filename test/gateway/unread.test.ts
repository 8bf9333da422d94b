import { once } from "node:events";
import { connect, createServer, type ClientHttp2Session, type ClientHttp2Stream, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { createGateway, type Gateway, type GatewayOptions } from "millrace-server/gateway";
import type { ResponseSink, SinkEvents } from "../../server/gateway/exchange.js";
import { refuseCall, respond } from "../../server/gateway/short-answer.js";
import { shuttingDown } from "../../server/gateway/refusal.js";
import { answer, grpcHeaders, startFakeServer } from "../support/fake-grpc-server.js";
import { GRPC_WEB, openCall, parseBody, readBody, until } from "./support/grpc-web.js";
import { serveGateway } from "./support/serve.js";

const HEAD = "/umadb.v1.DCB/Head";
const READ = "/umadb.v1.DCB/Read";
const EMPTY = encodeEnvelope(new Uint8Array(0));

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
});

/** Answers Head at once, and Read without end. */
async function startStore() {
  const store = await startFakeServer(({ stream, headers }) => {
    if (headers[":path"] === HEAD) return answer(stream, encodeEnvelope(new Uint8Array([8, 3])));
    stream.respond(grpcHeaders);
    const message = encodeEnvelope(new Uint8Array(100_000));
    const more = (): void => {
      while (!stream.destroyed && stream.write(message));
    };
    stream.on("drain", more);
    more();
  });
  closing.push(() => store.close());
  return store;
}

/** A gateway behind HTTP/2, and a client whose windows are closed: it gets headers and reads nothing. */
async function serveUnread(options: Omit<GatewayOptions, "upstreams">): Promise<{ gateway: Gateway; session: ClientHttp2Session }> {
  const store = await startStore();
  const gateway = createGateway({ upstreams: { umadb: { url: store.url } }, allowAll: true, ...options });
  const server: Http2Server = createServer(gateway.node);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => undefined);
  closing.push(() => void server.close(), () => gateway.close(), () => session.destroy());
  await once(session, "remoteSettings");
  return { gateway, session };
}

function post(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": GRPC_WEB });
  stream.on("error", () => undefined);
  stream.end(EMPTY);
  return stream;
}

/** A response of which nothing is read. */
function unreadSink() {
  let events: SinkEvents | undefined;
  const log: string[] = [];
  const sink: ResponseSink = {
    listen: (given) => void (events = given),
    open: (status) => void log.push(`open ${status}`),
    flush: () => undefined,
    write: () => true,
    end: () => void log.push("end"),
    destroy: () => void log.push("destroy"),
  };
  return { sink, log, finish: () => events?.finished() };
}

describe("gateway: an answer that nobody reads", () => {
  it.each([
    ["a refusal by HTTP", (sink: ResponseSink) => respond(sink, 404)],
    ["a refusal of a call", (sink: ResponseSink) => refuseCall(sink, undefined, shuttingDown)],
  ])("is dropped after 10 s: %s", (_what, say) => {
    vi.useFakeTimers();
    const [unread, read] = [unreadSink(), unreadSink()];
    say(unread.sink);
    say(read.sink);
    read.finish();
    vi.advanceTimersByTime(9_999);
    expect(unread.log).not.toContain("destroy");
    vi.advanceTimersByTime(1);
    expect(unread.log.at(-1)).toBe("destroy");
    vi.advanceTimersByTime(60_000);
    expect(read.log).not.toContain("destroy");
  });

  it("is dropped after stallMs when its call has ended, and costs no other call of the connection anything", async () => {
    const { session } = await serveUnread({ limits: { stallMs: 300 } });
    const asked = performance.now();
    const stream = post(session, HEAD);
    await new Promise<void>((resolve) => void stream.once("close", resolve));
    expect(stream.rstCode).toBe(2);
    expect(performance.now() - asked).toBeGreaterThanOrEqual(295);
    expect(session.destroyed).toBe(false);
  });

  it("is kept for its reader until then", async () => {
    const { session } = await serveUnread({ limits: { stallMs: 5_000 } });
    session.settings({ initialWindowSize: 65_535 });
    const stream = post(session, HEAD);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(stream, "end");
    expect(parseBody(Buffer.concat(chunks)).trailers?.get("grpc-status")).toBe("0");
    expect(stream.rstCode).toBe(0);
  });
});

describe("gateway: closing while reads are unread", () => {
  it("ends them with `drain` long before drainMs", async () => {
    const store = await startStore();
    const served = await serveGateway({ upstreams: { umadb: { url: store.url } }, limits: { stallMs: 400, drainMs: 4_000 } });
    closing.push(() => served.close());
    const call = openCall(served.url, READ, { unread: true });
    call.end(EMPTY);
    const response = await call.response;
    await until("the store is held back", () => store.calls[0]?.stream.writableNeedDrain === true);
    const asked = performance.now();
    await served.gateway.close();
    expect(performance.now() - asked).toBeLessThan(2_500);
    expect(parseBody(await readBody(response)).trailers?.get("millrace-reason")).toBe("drain");
  });
});
