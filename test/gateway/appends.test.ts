import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AppendRequest, AppendResponse, ErrorResponse, ErrorResponse_ErrorType, ReadRequest, ReadResponse, type AppendCondition, type Event, type SequencedEvent } from "millrace/internal/gen/static/umadb/v1/umadb";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import type { GatewayOptions } from "millrace-server/gateway";
import { answer, grpcHeaders, startFakeServer, type FakeCall, type FakeServer } from "../support/fake-grpc-server.js";
import { callOnce, openCall, parseBody, until } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const APPEND = "/umadb.v1.DCB/Append";
const READ = "/umadb.v1.DCB/Read";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Handle = (call: FakeCall, message: Uint8Array) => void;

/** A fake UmaDB: `append` and `read` say what it does. */
async function open(append: Handle, read: Handle = ({ stream }) => answer(stream, new Uint8Array(0)), options: Partial<GatewayOptions> = {}): Promise<{ upstream: FakeServer; served: ServedGateway; url: string; appends: () => FakeCall[] }> {
  const upstream = await startFakeServer((call) => {
    const chunks: Buffer[] = [];
    call.stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    call.stream.on("end", () => (call.headers[":path"] === READ ? read : append)(call, payloadsOf(Buffer.concat(chunks))[0] as Uint8Array));
  });
  const served = await serveGateway({ upstreams: { umadb: { url: upstream.url } }, ...options });
  closing.push(() => served.close(), () => upstream.close());
  return { upstream, served, url: served.url, appends: () => upstream.calls.filter(({ headers }) => headers[":path"] === APPEND) };
}

const event = (tag: string): Event => ({ eventType: "t", tags: [tag], data: new Uint8Array(3), uuid: crypto.randomUUID(), metadata: [] });
const onTag = (tag: string): AppendCondition => ({ failIfEventsMatch: { items: [{ types: [], tags: [tag] }] }, after: undefined });
const encode = (condition?: AppendCondition, events = [event("x")]): Uint8Array => AppendRequest.encode({ events, condition, trackingInfo: undefined }).finish();
const applied = (position: bigint): Uint8Array => encodeEnvelope(AppendResponse.encode({ position }).finish());
const page = (events: SequencedEvent[], head?: bigint): Uint8Array => encodeEnvelope(ReadResponse.encode({ events, head }).finish());

function refuse({ stream }: FakeCall, status: number, message: string, errorType: ErrorResponse_ErrorType): void {
  const details = Buffer.from(ErrorResponse.encode({ message, errorType }).finish()).toString("base64");
  stream.respond({ ...grpcHeaders, "grpc-status": String(status), "grpc-message": encodeURIComponent(message), "grpc-status-details-bin": details }, { endStream: true });
}

describe("gateway: appends", () => {
  it("sends no deadline upstream, and never cancels one that was sent", async () => {
    const { url, appends } = await open(() => undefined);
    const { trailers } = await callOnce(url, APPEND, encode(onTag("a")), { headers: { "grpc-timeout": "200m" } });
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "4", "millrace-applied": "unknown" });
    const aborted = openCall(url, APPEND);
    aborted.end(encodeEnvelope(encode()));
    await until("both came", () => appends().length === 2);
    aborted.abort();
    // A call that is cancelled is reset within milliseconds; the neighbour's round trips take longer.
    for (let n = 0; n < 20; n++) await callOnce(url, READ, new Uint8Array(0));
    expect(appends().map(({ headers, stream }) => [headers["grpc-timeout"], stream.destroyed])).toEqual([[undefined, false], [undefined, false]]);
    for (const { stream } of appends()) answer(stream, applied(1n));
  });

  it("keeps conditional appends on connections of their own, one each, and others with the reads", async () => {
    const { url, appends } = await open(() => undefined);
    // One address has one of them under way until it has proved quick.
    const calls = ([[onTag("a"), "127.0.0.1"], [onTag("b"), "127.0.0.2"], [undefined], [undefined]] as const).map(([condition, localAddress]) => {
      const call = openCall(url, APPEND, { localAddress });
      call.end(encodeEnvelope(encode(condition)));
      return call;
    });
    await until("all came", () => appends().length === 4);
    expect(new Set(appends().map(({ session }) => session)).size).toBe(3);
    for (const { stream } of appends()) answer(stream, applied(1n));
    for (const call of calls) expect(parseBody(await call.body).trailers?.get("grpc-status")).toBe("0");
  });

  it("has at most so many conditional appends under way, and drops a waiting one whose page went away", async () => {
    const { url, appends } = await open(() => undefined, undefined, { limits: { conditionalAppends: 3, conditionalAppendsPerClient: 2 } });
    const calls = Array.from({ length: 7 }, () => {
      const call = openCall(url, APPEND);
      call.end(encodeEnvelope(encode(onTag("a"))));
      return call;
    });
    await until("one came", () => appends().length === 1);
    answer((appends().shift() as FakeCall).stream, applied(1n));
    await until("two more came, since the first was quick", () => appends().length === 3);
    const waiting = await callOnce(url, APPEND, encode(onTag("a")), { headers: { "grpc-timeout": "100m" } });
    expect(Object.fromEntries(waiting.trailers ?? [])).toMatchObject({ "grpc-status": "4", "millrace-applied": "no" });
    for (const call of calls) call.abort();
    // The two that were sent still hold their slots; the four that waited never come.
    const next = callOnce(url, APPEND, encode(onTag("b")));
    await callOnce(url, READ, new Uint8Array(0));
    expect(appends()).toHaveLength(3);
    for (const { stream } of appends().slice(1)) answer(stream, applied(1n));
    await until("the next came", () => appends().length === 4);
    answer((appends()[3] as FakeCall).stream, applied(9n));
    expect(AppendResponse.decode((await next).messages[0] as Buffer).position).toBe(9n);
  });

  it("sends an append again that failed because another one was cancelled, on the same account", async () => {
    let tries = 0;
    const { url } = await open((call) => {
      if (++tries < 4) refuse(call, 13, "cancelled by user", ErrorResponse_ErrorType.IO);
      else answer(call.stream, applied(7n));
    });
    const { messages, trailers } = await callOnce(url, APPEND, encode());
    expect(trailers?.get("grpc-status")).toBe("0");
    expect(AppendResponse.decode(messages[0] as Buffer).position).toBe(7n);
    expect(tries).toBe(4);
  });

  it("does not try for ever, nor another failure", async () => {
    let tries = 0;
    const { url } = await open((call, message) => {
      tries++;
      const text = AppendRequest.decode(message).events[0]?.tags[0] === "full" ? "io error: no space" : "cancelled by user";
      refuse(call, 13, text, ErrorResponse_ErrorType.IO);
    });
    expect((await callOnce(url, APPEND, encode())).trailers?.get("grpc-status")).toBe("13");
    expect(tries).toBe(10);
    expect((await callOnce(url, APPEND, encode(undefined, [event("full")]))).trailers?.get("grpc-status")).toBe("13");
    expect(tries).toBe(11);
  });
});

describe("gateway: a read whose server drains", () => {
  it("is ended so that its caller knows, before the server cuts it short and calls it complete", async () => {
    const { url, upstream } = await open(() => undefined, ({ stream }) => {
      stream.respond(grpcHeaders);
      stream.write(page([{ position: 1n, event: event("x"), trackingInfo: undefined }]));
    });
    const call = openCall(url, READ);
    call.end(encodeEnvelope(new Uint8Array(0)));
    const response = await call.response;
    response.once("data", () => upstream.calls[0]?.session.goaway(0));
    const { messages, trailers } = parseBody(await call.body);
    expect(messages).toHaveLength(1);
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-reason": "drain", "millrace-applied": "no" });
    await until("the upstream call ended", () => upstream.calls[0]?.stream.destroyed === true, 200);
  });
});

describe("gateway: an append whose connection was lost", () => {
  it("is found in the store and answered with its position", async () => {
    const events = [event("lost"), event("lost")];
    const { url } = await open(({ session }) => session.destroy(), ({ stream }) => {
      answer(stream, page(events.map((each, n) => ({ position: BigInt(11 + n), event: each, trackingInfo: undefined })), 12n));
    });
    const { messages, trailers } = await callOnce(url, APPEND, encode(onTag("lost"), events));
    expect(trailers?.get("grpc-status")).toBe("0");
    expect(AppendResponse.decode(messages[0] as Buffer).position).toBe(12n);
  });

  it("is a conflict when somebody else's event breaks its condition", async () => {
    const { url } = await open(({ session }) => session.destroy(), ({ stream }) => {
      answer(stream, page([{ position: 4n, event: event("lost"), trackingInfo: undefined }], 4n));
    });
    const { trailers } = await callOnce(url, APPEND, encode(onTag("lost"), [event("lost")]));
    expect(trailers?.get("grpc-status")).toBe("9");
    expect(decodeURIComponent(trailers?.get("grpc-message") ?? "")).toMatch(/^integrity error: condition failed: /);
    expect(trailers?.get("grpc-status-details-bin")).toBeDefined();
  });

  it("is sent once more where the server recognises a repeat", async () => {
    let tries = 0;
    const { url } = await open(({ session, stream }) => void (++tries === 1 ? session.destroy() : answer(stream, applied(5n))), ({ stream }) => answer(stream, page([], 3n)));
    const { messages, trailers } = await callOnce(url, APPEND, encode(onTag("lost"), [event("lost")]));
    expect(trailers?.get("grpc-status")).toBe("0");
    expect(AppendResponse.decode(messages[0] as Buffer).position).toBe(5n);
    expect(tries).toBe(2);
  });

  it("stays unknown when the store cannot be read", async () => {
    const { url } = await open(({ session }) => session.destroy(), (call) => refuse(call, 15, "corruption detected: page", ErrorResponse_ErrorType.CORRUPTION));
    const { trailers } = await callOnce(url, APPEND, encode(onTag("lost")));
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-applied": "unknown", "millrace-reason": "upstream-lost" });
  });

  it("stays unknown when its event is one that only its server could read", async () => {
    const { url, upstream, appends } = await open(({ session }) => session.destroy());
    const halfAnEvent = [0x0a, 2, 0x0a, 5];
    const { trailers } = await callOnce(url, APPEND, new Uint8Array([...halfAnEvent, 0x12, 0]));
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-applied": "unknown" });
    expect(upstream.calls.length).toBe(appends().length);
  });

  it("stays unknown without a condition, and nothing is read", async () => {
    const { url, upstream, appends } = await open(({ session }) => session.destroy());
    const { trailers } = await callOnce(url, APPEND, encode());
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-applied": "unknown" });
    expect(upstream.calls.length).toBe(appends().length);
  });

  it("was not applied when the server was never reached", async () => {
    const served = await serveGateway({ upstreams: { umadb: { url: "http://127.0.0.1:1" } } });
    closing.push(() => served.close());
    const { trailers } = await callOnce(served.url, APPEND, encode(onTag("lost")));
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-applied": "no" });
  });

  it("was not applied when its time was over before there was a connection", async () => {
    // Takes connections and never says a word.
    const deaf = createServer();
    const sockets = new Set<Socket>();
    deaf.on("connection", (socket) => sockets.add(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
    const served = await serveGateway({ upstreams: { umadb: { url: `http://127.0.0.1:${(deaf.address() as AddressInfo).port}` } } });
    closing.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => deaf.close(resolve));
      await served.close();
    });
    for (const condition of [onTag("lost"), undefined]) {
      const { trailers } = await callOnce(served.url, APPEND, encode(condition), { headers: { "grpc-timeout": "100m" } });
      expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "4", "millrace-applied": "no" });
    }
  });

  it("reads what the condition and the events ask for, from just past `after`", async () => {
    const asked: ReadRequest[] = [];
    const { url } = await open(({ session }) => session.destroy(), ({ stream }, message) => {
      asked.push(ReadRequest.decode(message));
      answer(stream, page([{ position: 22n, event: event("lost"), trackingInfo: undefined }], 22n));
    });
    await callOnce(url, APPEND, encode({ ...onTag("lost"), after: 20n }, [event("other")]));
    expect(asked[0]).toMatchObject({ start: 21n, query: { items: [{ tags: ["lost"] }, { types: ["t"], tags: ["other"] }] } });
  });
});
