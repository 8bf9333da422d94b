import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient, type ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport as createNodeConnectTransport, createGrpcTransport, connectNodeAdapter } from "@connectrpc/connect-node";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { http2Carrier } from "millrace/carrier/http2";
import { connectCarrier, createTransport, DCB, Health, UmaDbErrorResponseSchema } from "millrace/connect";
import { MillraceError } from "millrace";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { UmaDb } from "millrace/umadb";
import { afterEach, describe, expect, it } from "vitest";
import { StatusSchema } from "../../gen/es/google/rpc/status_pb.js";
import { ErrorResponse } from "../../gen/static/umadb/v1/umadb.js";
import { serveGateway } from "../gateway/support/serve.js";
import { startCountingProxy } from "../support/counting-proxy.js";
import { echoRoutes, startEchoServer } from "../support/echo.js";
import { answer, grpcHeaders, startFakeServer, type FakeCall } from "../support/fake-grpc-server.js";
import { freePort } from "../support/free-port.js";
import { EchoService } from "../support/proto/echo_pb.js";
import { scriptedCarrier } from "../support/scripted-carrier.js";
import { errorOf } from "./streams.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function fakeServer(handle: (call: FakeCall) => void): Promise<string> {
  const server = await startFakeServer(handle);
  closing.push(() => server.close());
  return server.url;
}

async function gatewayTo(url: string): Promise<string> {
  const served = await serveGateway({ upstreams: { umadb: { url } } });
  closing.push(() => served.close());
  return served.url;
}

/** A client without retries on a stock transport. */
function umadbOn(transport: Transport): UmaDb {
  const carrier = connectCarrier(transport, [DCB, Health]);
  const db = new UmaDb({ carrier, retry: false });
  closing.push(() => db.close(), () => carrier.close());
  return db;
}

const event = { type: "T", data: new Uint8Array() };

describe("connectCarrier()", () => {
  it.each([
    ["no transport", [{}, [DCB]], /`transport` must be a Connect transport/],
    ["no list", [createGrpcTransport({ baseUrl: "http://127.0.0.1:1" }), DCB], /`services` must be an array/],
    ["an empty list", [createGrpcTransport({ baseUrl: "http://127.0.0.1:1" }), []], /`services` must be an array of at least one/],
    ["no service in it", [createGrpcTransport({ baseUrl: "http://127.0.0.1:1" }), [DCB, "Health"]], /`services\[1\]` must be a service/],
  ])("refuses %s", (_what, args, message) => {
    expect(() => connectCarrier(...args as unknown as Parameters<typeof connectCarrier>)).toThrow(message);
  });

  it("refuses a method of a service that it was not given, and asks the transport for nothing", async () => {
    const asked: string[] = [];
    const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:1", interceptors: [(next) => (request) => { asked.push(request.url); return next(request); }] });
    const db = new UmaDb({ carrier: connectCarrier(transport, [Health]), retry: false });
    expect(await errorOf(db.head())).toMatchObject({ code: "unsupported", applied: "no", message: expect.stringContaining("/umadb.v1.DCB/Head") });
    expect(asked).toEqual([]);
  });

  it("says that nothing was applied where no connection ever stood", async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}`;
    for (const transport of [createGrpcTransport({ baseUrl }), createGrpcWebTransport({ baseUrl })]) {
      expect(await errorOf(umadbOn(transport).append([event]))).toMatchObject({ code: "unavailable", applied: "no" });
    }
  });

  it.each([
    ["connect-node", (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ["connect-web", (baseUrl: string) => createGrpcWebTransport({ baseUrl })],
  ])("calls an answer unavailable, and an append's outcome unknown, when its connection is lost: %s", async (kind, make) => {
    const url = kind === "connect-node"
      ? await fakeServer(({ session }) => session.destroy())
      : await webServer((_request, response) => response.destroy());
    expect(await errorOf(umadbOn(make(url)).append([event]))).toMatchObject({ code: "unavailable", applied: "unknown" });
  });

  it.each([
    ["connect-node", (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ["connect-web", (baseUrl: string) => createGrpcWebTransport({ baseUrl })],
  ])("calls a stream that ends without a status unavailable: %s", async (kind, make) => {
    const url = kind === "connect-node"
      ? await fakeServer(({ stream }) => { stream.respond(grpcHeaders); stream.end(); })
      : await webServer((_request, response) => response.writeHead(200, { "content-type": "application/grpc-web+proto" }).end());
    expect(await errorOf(umadbOn(make(url)).read().toArray())).toMatchObject({ code: "unavailable" });
  });

  it.each([
    ["connect-node", (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ["connect-web", (baseUrl: string) => createGrpcWebTransport({ baseUrl })],
  ])("calls a stream that ends within a message unavailable: %s", async (kind, make) => {
    const cut = encodeEnvelope(new Uint8Array(20)).subarray(0, 12);
    const url = kind === "connect-node"
      ? await fakeServer(({ stream }) => { stream.respond(grpcHeaders); stream.end(cut); })
      : await webServer((_request, response) => response.writeHead(200, { "content-type": "application/grpc-web+proto" }).end(cut));
    expect(await errorOf(umadbOn(make(url)).read().toArray())).toMatchObject({ code: "unavailable" });
  });

  it("calls a stream that breaks off unavailable, after the messages that came", async () => {
    const server = await startEchoServer();
    closing.push(() => server.close());
    const carrier = connectCarrier(createGrpcTransport({ baseUrl: server.url }), [EchoService]);
    const method = EchoService.method.count;
    const request = new Uint8Array([0x08, 0x02, 0x10, 0xc0, 0x84, 0x3d]); // to: 2, pause_ms: 1 000 000
    const { chunks } = carrier.call({ path: `/${EchoService.typeName}/${method.name}`, kind: "server", lane: "live", cancel: "delayed", headers: new Headers(), messages: [request] });
    expect((await chunks.next()).done).not.toBe(true);
    const pending = errorOf(chunks.next());
    server.cut();
    expect(await pending).toMatchObject({ code: "unavailable", applied: "unknown" });
  });

  it("calls an answer that is no such message a protocol error, or the transport's failure, and never repeats it", async () => {
    const url = await fakeServer(({ stream }) => answer(stream, encodeEnvelope(new Uint8Array([0x08]))));
    const error = await errorOf(umadbOn(createGrpcTransport({ baseUrl: url })).head()) as MillraceError;
    expect(["protocol", "internal", "invalid_argument"]).toContain(error.code);
  });

  it("tells what an interceptor threw, as the cause of an error that is not repeated", async () => {
    const reason = new Error("no token");
    const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:1", interceptors: [() => () => { throw reason; }] });
    const error = await errorOf(umadbOn(transport).head()) as MillraceError;
    expect(error.code).toBe("internal");
    expect((error.cause as ConnectError).cause).toBe(reason);
  });

  it("believes a status of the server, whatever its text", async () => {
    const url = await fakeServer(({ stream }) => answer(stream, new Uint8Array(), { "grpc-status": "5", "grpc-message": "missing trailer" }));
    expect(await errorOf(umadbOn(createGrpcTransport({ baseUrl: url })).head())).toMatchObject({ code: "not_found", message: "missing trailer" });
  });

  it("gives an error of ours back as it is when it comes through a transport of ours", async () => {
    const ours = new MillraceError("permission_denied", "not you", { applied: "no" });
    const carrier = connectCarrier(createTransport(scriptedCarrier((call) => call.fail(ours))), [DCB]);
    const { chunks } = carrier.call({ path: "/umadb.v1.DCB/Head", kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array()] });
    expect(await errorOf(chunks.next())).toBe(ours);
  });

  it("gives a status of the Connect protocol, with its details", async () => {
    const server = createServer(connectNodeAdapter({ routes: echoRoutes() }));
    const url = await listening(server);
    for (const transport of [createConnectTransport({ baseUrl: url }), createNodeConnectTransport({ baseUrl: url, httpVersion: "1.1" })]) {
      const client = createClient(EchoService, createTransport(connectCarrier(transport, [EchoService])));
      const error = await errorOf(client.echo({ failure: { code: 9, message: "no" } })) as ConnectError;
      expect([error.code, error.rawMessage, error.details.length]).toEqual([Code.FailedPrecondition, "no", 1]);
    }
  });

  it("gives UmaDB's own errors through the gateway", async () => {
    const details = ErrorResponse.encode({ message: "Integrity error: condition failed: x", errorType: 2 }).finish();
    const url = await fakeServer(({ stream }) => answer(stream, new Uint8Array(), {
      "grpc-status": "9", "grpc-message": "Integrity error: condition failed: x", "grpc-status-details-bin": Buffer.from(details).toString("base64"),
    }));
    const db = umadbOn(createGrpcWebTransport({ baseUrl: await gatewayTo(url) }));
    const condition = { failIfEventsMatch: { items: [{ types: ["T"] }] } };
    expect(await errorOf(db.append([event], { condition }))).toMatchObject({ name: "AppendConditionError", code: "conflict", applied: "no" });
  });

  it("lets an append run to its end when its caller leaves, and resets what may be reset", async () => {
    const url = await fakeServer(() => undefined);
    const proxy = await startCountingProxy({ target: url });
    closing.push(() => proxy.close());
    const db = umadbOn(createGrpcTransport({ baseUrl: proxy.url }));
    const left = new AbortController();
    const append = errorOf(db.append([event], { signal: left.signal }));
    const head = errorOf(db.head({ signal: left.signal }));
    await proxy.until(() => proxy.openCalls().length === 2, 5_000);
    left.abort(new Error("left"));
    expect([await append, await head]).toEqual([left.signal.reason, left.signal.reason]);
    await proxy.until(() => proxy.counts("/umadb.v1.DCB/Head").resetByClient === 1, 5_000);
    expect(proxy.counts("/umadb.v1.DCB/Append")).toMatchObject({ open: 1, resetByClient: 0 });
  });

  it("resets such an append when it is closed", async () => {
    const proxy = await startCountingProxy({ target: await fakeServer(() => undefined) });
    closing.push(() => proxy.close());
    const carrier = connectCarrier(createGrpcTransport({ baseUrl: proxy.url }), [DCB]);
    const left = new AbortController();
    const append = errorOf(new UmaDb({ carrier }).append([event], { signal: left.signal }));
    await proxy.until(() => proxy.openCalls().length === 1, 5_000);
    left.abort(new Error("left"));
    expect(await append).toBe(left.signal.reason);
    await carrier.close();
    await proxy.until(() => proxy.counts("/umadb.v1.DCB/Append").resetByClient === 1, 5_000);
  });

  it("loses UmaDB's class of an error where connect-node talks to the server itself", async () => {
    const details = ErrorResponse.encode({ message: "Integrity error: condition failed: x", errorType: 2 }).finish();
    const url = await fakeServer(({ stream }) => answer(stream, new Uint8Array(), {
      "grpc-status": "9", "grpc-message": "Integrity error", "grpc-status-details-bin": Buffer.from(details).toString("base64"),
    }));
    expect(await errorOf(umadbOn(createGrpcTransport({ baseUrl: url })).append([event]))).toMatchObject({ name: "MillraceError", code: "data_loss", applied: "unknown" });
  });
});

describe("createTransport()", () => {
  it.each([
    ["no carrier", [{}], /`carrier` must be a carrier/],
    ["an option that is none", [scriptedCarrier(() => {}), { timeoutMs: 5 }], /`options.timeoutMs` is no option/],
    ["a time-out that is none", [scriptedCarrier(() => {}), { defaultTimeoutMs: -1 }], /`options.defaultTimeoutMs` must be an integer/],
    ["interceptors that are none", [scriptedCarrier(() => {}), { interceptors: [5] }], /`options.interceptors` must be an array of functions/],
    ["a duplex that is none", [scriptedCarrier(() => {}), { duplex: "both" }], /`options.duplex` must be "half" or "full"/],
  ])("refuses %s", (_what, args, message) => {
    expect(() => createTransport(...args as unknown as Parameters<typeof createTransport>)).toThrow(message);
  });

  it("keeps code, text and metadata of an error whose details are no google.rpc.Status, as UmaDB sends them", async () => {
    const details = Buffer.from(ErrorResponse.encode({ message: "Integrity error", errorType: 2 }).finish()).toString("base64");
    const url = await fakeServer(({ stream }) => answer(stream, new Uint8Array(), { "grpc-status": "9", "grpc-message": "Integrity error", "grpc-status-details-bin": details, "more": "yes" }));
    const carrier = http2Carrier({ url });
    closing.push(() => carrier.close());
    const error = await errorOf(createClient(DCB, createTransport(carrier)).head({})) as ConnectError;
    expect([error.code, error.rawMessage, error.details]).toEqual([Code.FailedPrecondition, "Integrity error", []]);
    expect([error.metadata.get("grpc-status-details-bin"), error.metadata.get("more")]).toEqual([details, "yes"]);
  });

  it("takes no details from bytes that decode to another status", async () => {
    const status = create(StatusSchema, { code: 5, message: "other", details: [{ typeUrl: "type.googleapis.com/a.B", value: new Uint8Array([1]) }] });
    const details = Buffer.from(toBinary(StatusSchema, status)).toString("base64");
    const carrier = scriptedCarrier((call) => call.status(9, "no", { "grpc-status-details-bin": details }));
    expect(await errorOf(createClient(DCB, createTransport(carrier)).head({}))).toMatchObject({ code: Code.FailedPrecondition, rawMessage: "no", details: [] });
  });

  it("finds UmaDB's class of an error in the details that the gateway makes", async () => {
    const details = Buffer.from(ErrorResponse.encode({ message: "Integrity error: condition failed: x", errorType: 2 }).finish()).toString("base64");
    const url = await fakeServer(({ stream }) => answer(stream, new Uint8Array(), { "grpc-status": "9", "grpc-message": "x", "grpc-status-details-bin": details }));
    const error = await errorOf(createClient(DCB, createGrpcWebTransport({ baseUrl: await gatewayTo(url) })).head({})) as ConnectError;
    expect(error.findDetails(UmaDbErrorResponseSchema)).toMatchObject([{ errorType: 2 }]);
  });

  it("gives the metadata of header and trailer with an error, without what belongs to the protocol", async () => {
    const carrier = scriptedCarrier((call) => {
      call.headers({ "of-header": "h", "content-type": "application/grpc" });
      call.status(5, "no", { "of-trailer": "t", "grpc-status": "5" });
    });
    const { metadata } = await errorOf(createClient(DCB, createTransport(carrier)).head({})) as ConnectError;
    expect([...metadata]).toEqual([["of-header", "h"], ["of-trailer", "t"]]);
  });

  it("gives an unknown status as Unknown", async () => {
    const carrier = scriptedCarrier((call) => call.status(99, "odd"));
    expect(await errorOf(createClient(DCB, createTransport(carrier)).head({}))).toMatchObject({ code: Code.Unknown, rawMessage: "odd" });
  });

  it.each([
    ["no message", (): Uint8Array[] => []],
    ["two messages", (): Uint8Array[] => [new Uint8Array(), new Uint8Array()]],
    ["bytes that are no message", (): Uint8Array[] => [new Uint8Array([0x08])]],
  ])("calls %s as the answer of a unary call an internal error", async (_what, messages) => {
    const carrier = scriptedCarrier((call) => {
      call.headers();
      if (messages().length > 0) call.chunk(...messages());
      call.status(0);
    });
    const error = await errorOf(createClient(DCB, createTransport(carrier)).head({})) as ConnectError;
    expect(error.code).toBe(Code.Internal);
    expect(error.cause).toMatchObject({ code: "protocol" });
  });

  it("gives our own errors as the cause", async () => {
    const ours = new MillraceError("resource_exhausted", "too large");
    const carrier = scriptedCarrier((call) => call.fail(ours));
    const error = await errorOf(createClient(DCB, createTransport(carrier)).head({})) as ConnectError;
    expect([error.code, error.rawMessage, error.cause]).toEqual([Code.ResourceExhausted, "too large", ours]);
  });

  it("tells the carrier what it knows of a method: an append is never cancelled and its limit is told to nobody", async () => {
    const carrier = scriptedCarrier((call) => call.status(14));
    const transport = createTransport(carrier, { defaultTimeoutMs: 5_000 });
    await errorOf(createClient(DCB, transport).append({}));
    await errorOf(createClient(DCB, transport).head({}));
    await errorOf(createClient(EchoService, transport).collect((async function* () {})()));
    expect(carrier.calls.map(({ call: { kind, lane, cancel, timeoutMs } }) => ({ kind, lane, cancel, timeoutMs }))).toEqual([
      { kind: "unary", lane: "append", cancel: "never", timeoutMs: undefined },
      { kind: "unary", lane: "short", cancel: "delayed", timeoutMs: 5_000 },
      { kind: "client", lane: "short", cancel: "delayed", timeoutMs: 5_000 },
    ]);
  });

  it("switches its own time-out off for a call that says 0", async () => {
    const carrier = scriptedCarrier((call) => call.status(14));
    await errorOf(createClient(DCB, createTransport(carrier, { defaultTimeoutMs: 5_000 })).head({}, { timeoutMs: 0 }));
    expect(carrier.calls[0]?.call.timeoutMs).toBeUndefined();
  });
});

function listening(server: ReturnType<typeof createServer>): Promise<string> {
  closing.push(() => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections(); }));
  server.listen(0, "127.0.0.1");
  return once(server, "listening").then(() => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function webServer(handle: Parameters<typeof createServer>[1]): Promise<string> {
  return listening(createServer(handle));
}
