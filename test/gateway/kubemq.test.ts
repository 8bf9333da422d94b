import type { ServerHttp2Stream } from "node:http2";
import {
  EventReceiveSchema, EventSchema, PingResultSchema, QueueMessageSchema, QueuesDownstreamRequestSchema, QueuesDownstreamResponseSchema, QueuesUpstreamRequestSchema, QueuesUpstreamResponseSchema, SubscribeSchema,
} from "millrace/internal/gen/es/kubemq/kubemq_pb";
import { Event } from "millrace/internal/gen/static/kubemq/kubemq";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { afterEach, describe, expect, it } from "vitest";
import { KubeMqUpstream } from "../../server/gateway/systems/kubemq/upstream.js";
import { bytesOf } from "../support/bytes-of.js";
import { answer, grpcHeaders, startFakeServer, type FakeCall, type FakeServer } from "../support/fake-grpc-server.js";
import { openRecorded } from "../support/upstream-call.js";
import { callOnce, openCall, parseBody, until } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

/** A broker that does what a test says, and what came to it. */
interface Broker extends FakeServer {
  readonly messages: Buffer[];
  /** HTTP/2 PINGs that came. */
  readonly pings: number;
}

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

/** @param pong Whether the method Ping is answered. */
async function broker(handle: (call: FakeCall, message: Buffer) => void = () => undefined, pong = true): Promise<Broker> {
  const seen = { messages: [] as Buffer[], pings: 0 };
  const server = await startFakeServer((call) => {
    if (call.headers[":path"] === kubemqMethods.ping.path) {
      if (pong) answer(call.stream, encodeEnvelope(bytesOf(PingResultSchema, { Host: "b", ServerStartTime: 1n })));
      return;
    }
    let held = Buffer.alloc(0);
    call.stream.on("data", (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
        const message = held.subarray(5, 5 + held.readUInt32BE(1));
        held = held.subarray(5 + message.length);
        seen.messages.push(message);
        handle(call, message);
      }
    });
    call.session.on("ping", () => { seen.pings += 1; });
  });
  cleanUp.push(() => server.close());
  return Object.defineProperties({ ...server }, Object.getOwnPropertyDescriptors(seen)) as FakeServer & typeof seen;
}

async function gatewayTo(server: FakeServer, limits = {}): Promise<ServedGateway> {
  const served = await serveGateway({ upstreams: { kubemq: { url: server.url } }, limits });
  cleanUp.push(() => served.close());
  return served;
}

function upstreamTo(server: FakeServer, rules: ConstructorParameters<typeof KubeMqUpstream>[1]): KubeMqUpstream {
  const upstream = new KubeMqUpstream({ url: server.url }, rules);
  cleanUp.push(() => upstream.close());
  return upstream;
}

function reply(stream: ServerHttp2Stream, ...payloads: Uint8Array[]): void {
  if (!stream.headersSent) stream.respond(grpcHeaders, { waitForTrailers: true });
  stream.write(Buffer.concat(payloads.map((payload) => encodeEnvelope(payload))));
}

const { queuesUpstream, queuesDownstream, sendEventsStream, subscribeToEvents, sendQueueMessage } = kubemqMethods;
const upstreamRequest = (id: string) => encodeEnvelope(bytesOf(QueuesUpstreamRequestSchema, { RequestID: id, Messages: [{ Channel: "q" }] }));
const upstreamReply = (id: string) => bytesOf(QueuesUpstreamResponseSchema, { RefRequestID: id });
const get = (AutoAck: boolean) => encodeEnvelope(bytesOf(QueuesDownstreamRequestSchema, { RequestID: "g", RequestTypeData: 1, Channel: "q", AutoAck, WaitTimeout: 5_000 }));
const replyOf = (type: number) => bytesOf(QueuesDownstreamResponseSchema, { TransactionId: "t", RefRequestId: "g", RequestTypeData: type as 1 });
const event = (n: number) => bytesOf(EventReceiveSchema, { EventID: String(n), Channel: "c" });
const subscription = encodeEnvelope(bytesOf(SubscribeSchema, { SubscribeTypeData: 1, ClientID: "c", Channel: "c" }));

/** The stream of the only call that is no Ping, and whether it was ended by a reset. */
function only(server: FakeServer): ServerHttp2Stream {
  return server.calls.find(({ headers }) => headers[":path"] !== kubemqMethods.ping.path)?.stream as ServerHttp2Stream;
}

/** Resolves when whatever was under way on the connections of the gateway to the broker has arrived there. */
async function roundTrip(served: ServedGateway, server: Broker): Promise<void> {
  const before = server.messages.length;
  const call = openCall(served.url, sendEventsStream.path);
  call.write(encodeEnvelope(bytesOf(EventSchema, { Channel: "round-trip" })));
  await until("the round trip", () => server.messages.length > before);
  call.abort();
}

describe("gateway to KubeMQ: names", () => {
  it("refuses a request before any of it is sent", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const message = bytesOf(QueueMessageSchema, { Channel: "a\nb", Metadata: "m" });
    const { trailers } = await callOnce(served.url, sendQueueMessage.path, message);
    expect([trailers?.get("grpc-status"), trailers?.get("millrace-applied"), server.calls.length]).toEqual(["3", "no", 0]);
  });

  it("checks each message of a stream, not its first alone", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, sendEventsStream.path);
    call.write(encodeEnvelope(bytesOf(EventSchema, { Channel: "fine" })));
    await until("the first message", () => server.messages.length === 1);
    call.write(encodeEnvelope(bytesOf(EventSchema, { Channel: "not\nfine" })));
    const { trailers } = parseBody(await call.body);
    expect(trailers?.get("grpc-status")).toBe("3");
    await roundTrip(served, server);
    expect(server.messages.map((message) => Event.decode(message).Channel)).toEqual(["fine", "round-trip"]);
  });
});

describe("gateway to KubeMQ: who leaves", () => {
  it("never cancels an upstream that has open requests; when all are answered, at once", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, queuesUpstream.path, { headers: { "grpc-timeout": "60S" } });
    for (const id of ["1", "2", "3"]) call.write(upstreamRequest(id));
    await until("three requests", () => server.messages.length === 3);
    const stream = only(server);
    expect(server.calls[0]?.headers["grpc-timeout"]).toBeUndefined();
    call.abort();
    await roundTrip(served, server);
    reply(stream, upstreamReply("2"), upstreamReply("1"));
    await roundTrip(served, server);
    expect(stream.closed).toBe(false);
    reply(stream, upstreamReply("3"));
    await until("the cancel", () => stream.closed);
    expect(stream.rstCode).toBe(8);
  });

  it("waits for the replies of abandoned upstreams when it closes, too", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, queuesUpstream.path);
    call.write(upstreamRequest("1"));
    await until("the request", () => server.messages.length === 1);
    const closing = served.gateway.close();
    await call.body.catch(() => undefined);
    const stream = only(server);
    // As long as a close without that patience takes many times.
    const first = await Promise.race([closing.then(() => "closed"), new Promise((resolve) => setTimeout(resolve, 150, "waits"))]);
    expect([first, stream.closed]).toEqual(["waits", false]);
    reply(stream, upstreamReply("1"));
    await closing;
  });

  it("never cancels a Get with AutoAck, until its reply has come", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, queuesDownstream.path);
    call.write(get(true));
    await until("the Get", () => server.messages.length === 1);
    const stream = only(server);
    call.abort();
    reply(stream, replyOf(2));
    await roundTrip(served, server);
    expect(stream.closed).toBe(false);
    reply(stream, replyOf(1));
    await until("the cancel", () => stream.closed);
  });

  it("cancels a Get without AutoAck at once, so that what it holds returns", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, queuesDownstream.path);
    call.write(get(false));
    await until("the Get", () => server.messages.length === 1);
    call.abort();
    await until("the cancel", () => only(server).closed);
  });
});

describe("gateway to KubeMQ: who does not read", () => {
  const bounds = { messages: 50, bytes: 100_000 };

  it("reads on, so that the broker is never held back, and hands everything over when the page reads again", async () => {
    const server = await broker();
    const upstream = upstreamTo(server, { readOn: { messages: 1_000, bytes: 10_000_000 } });
    const call = openRecorded(upstream as never, { path: subscribeToEvents.path, lane: "live" }, subscription);
    await until("the subscription", () => server.messages.length === 1);
    call.pause();
    const stream = only(server);
    stream.respond(grpcHeaders, { waitForTrailers: true });
    const large = bytesOf(EventReceiveSchema, { Channel: "c", Body: new Uint8Array(10_000) });
    // Far more than the window of a call: only who reads lets it through.
    await new Promise((resolve) => stream.write(Buffer.concat(Array.from({ length: 500 }, () => encodeEnvelope(large))), resolve));
    expect(call.bytes).toBe(0);
    call.resume();
    await call.until(({ bytes }) => bytes === 500 * (5 + large.length));
  });

  it.each([
    ["messages", Array.from({ length: 60 }, (_, n) => event(n))],
    ["bytes", Array.from({ length: 3 }, (_, n) => Buffer.concat([event(n), bytesOf(EventReceiveSchema, { Body: new Uint8Array(40_000) })]))],
  ])("ends the call beyond its bound of %s, with a reason to resume from, behind what it held", async (_what, events) => {
    const server = await broker();
    const upstream = upstreamTo(server, { readOn: bounds });
    const call = openRecorded(upstream as never, { path: subscribeToEvents.path, lane: "live" }, subscription);
    await until("the subscription", () => server.messages.length === 1);
    call.pause();
    reply(only(server), ...events);
    await call.over;
    expect(call.failure?.error).toMatchObject({ code: "unavailable", reason: "slow-consumer" });
    // Whole messages, and no more than the bound and what came together with the last of them.
    const received = parseBody(Buffer.concat(call.chunks));
    expect(received.cut).toBe(false);
    expect(received.messages.length).toBe(events.length);
  });

  it("tells the page so, through the gateway, after 10 000 messages", async () => {
    const server = await broker();
    const served = await gatewayTo(server);
    const call = openCall(served.url, subscribeToEvents.path, { unread: true });
    call.end(subscription);
    await until("the subscription", () => server.messages.length === 1);
    const stream = only(server);
    const padded = bytesOf(EventReceiveSchema, { Channel: "c", Metadata: "m".repeat(1_000) });
    const batch = Buffer.concat(Array.from({ length: 1_000 }, () => encodeEnvelope(padded)));
    stream.respond(grpcHeaders, { waitForTrailers: true });
    const pump = (): void => void (stream.closed || stream.write(batch, pump));
    pump();
    await until("the end of the subscription", () => stream.closed);
    const response = await call.response;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { messages, trailers } = parseBody(Buffer.concat(chunks));
    expect(messages.length).toBeGreaterThan(10_000);
    expect([trailers?.get("grpc-status"), trailers?.get("millrace-reason")]).toEqual(["14", "slow-consumer"]);
  });
});

describe("gateway to KubeMQ: whether it is there", () => {
  const ping = { everyMs: 30, timeoutMs: 60 };

  it("asks by the method Ping while a call is open, and never by an HTTP/2 PING", async () => {
    const server = await broker();
    const call = openRecorded(upstreamTo(server, { ping }) as never, { path: subscribeToEvents.path, lane: "live" }, subscription);
    await until("some Pings", () => server.calls.filter(({ headers }) => headers[":path"] === kubemqMethods.ping.path).length > 3);
    expect([call.events, server.pings]).toEqual([[], 0]);
  });

  it("gives up connections whose Ping is not answered; the next call has a new one", async () => {
    const server = await broker(() => undefined, false);
    const upstream = upstreamTo(server, { ping });
    const open = () => openRecorded(upstream as never, { path: subscribeToEvents.path, lane: "live" }, subscription);
    const call = open();
    await call.over;
    expect(call.failure).toMatchObject({ sent: true, error: { code: "unavailable" } });
    open();
    await until("the next call", () => server.messages.length === 2);
    expect(server.connections.length).toBe(2);
  });

  it.each([[true, 200], [false, 503]])("is ready when Ping is answered (%s): %i", async (pong, status) => {
    const served = await gatewayTo(await broker(() => undefined, pong));
    expect((await fetch(`${served.url}/ready`)).status).toBe(status);
  });

  it("is not ready when there is no broker", async () => {
    const gone = await broker();
    await gone.close();
    const served = await gatewayTo(gone);
    expect((await fetch(`${served.url}/ready`)).status).toBe(503);
  });
});
