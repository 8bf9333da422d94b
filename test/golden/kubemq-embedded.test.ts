import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import {
  AckAllQueueMessagesResponse, EventReceive, QueueMessagesBatchResponse, QueuesInfoResponse, QueuesUpstreamResponse, ReceiveQueueMessagesResponse, Request, Response, Result, SendQueueMessageResult,
} from "millrace/internal/gen/static/kubemq/kubemq";
import { encodeEnvelopes } from "millrace/internal/wire/frames";
import { listenEmbedded, type ListeningEmbedded } from "millrace-server/embedded/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { endOf, payloadsOf, recordingsOf, type RecordedCall } from "./recording.js";

// Our embedded broker against what a real one was asked, byte for byte, and against what that one answered.

/** One server through all of these. */
const FILES = ["events", "store", "requests", "queues"];
/**
 * Which member of a group gets a message is chance; the time of store/13 was to come when it was recorded;
 * the numbers of queues/37 and 38 are rough, and pipelined requests of an upstream are stored in any order (41).
 */
const EXCEPTIONS = ["events/28", "events/29", "events/32", "store/31", "store/32", "requests/22", "requests/23", "store/13", "queues/37", "queues/38", "queues/41"];
/** Subscriptions to stored events that stay open while later calls are made; the others ended before the next. */
const OVERLAPPING = ["store/15", "store/25", "store/31", "store/32"];

const ANSWERS: Readonly<Record<string, (bytes: Uint8Array) => object>> = {
  SendEvent: (bytes) => Result.decode(bytes),
  SendEventsStream: (bytes) => Result.decode(bytes),
  SubscribeToEvents: (bytes) => ({ ...EventReceive.decode(bytes), Timestamp: EventReceive.decode(bytes).Timestamp > 0n }),
  SubscribeToRequests: (bytes) => ({ ...Request.decode(bytes), ReplyChannel: "address" }),
  SendRequest: (bytes) => Response.decode(bytes),
  SendQueueMessage: (bytes) => sent(SendQueueMessageResult.decode(bytes)),
  SendQueueMessagesBatch: (bytes) => {
    const batch = QueueMessagesBatchResponse.decode(bytes);
    return { ...batch, Results: batch.Results.map(sent) };
  },
  ReceiveQueueMessages: (bytes) => {
    const received = ReceiveQueueMessagesResponse.decode(bytes);
    return { ...received, Messages: received.Messages.map((message) => ({ ...message, MessageID: anyId(message.MessageID), Attributes: message.Attributes && sent(message.Attributes) })) };
  },
  AckAllQueueMessages: (bytes) => AckAllQueueMessagesResponse.decode(bytes),
  QueuesInfo: (bytes) => QueuesInfoResponse.decode(bytes),
  QueuesUpstream: (bytes) => {
    const { Results, ...rest } = QueuesUpstreamResponse.decode(bytes);
    return { ...rest, Results: Results.map(sent) };
  },
  SendResponse: (bytes) => ({ bytes: bytes.length }),
};

const anyId = (value: unknown): unknown => (/^[0-9A-Za-z]{22}$/.test(String(value)) ? "id" : value);

/** Times in nanoseconds differ from run to run; whether there is one does not. */
function sent(result: object): object {
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [name, typeof value === "bigint" && value > 10n ** 15n ? "time" : anyId(value)]));
}

const nameOf = ({ path }: RecordedCall): string => path.split("/").at(-1) as string;
const isSubscription = (call: RecordedCall): boolean => call.path.includes("/SubscribeTo");
const counts = { replayed: 0, exceptions: 0 };

/** Ids of the server's own making are none that can be compared. */
function plain(call: RecordedCall, payloads: readonly Uint8Array[]): object[] {
  const decode = ANSWERS[nameOf(call)] as (bytes: Uint8Array) => object;
  const all = payloads.map((payload): Record<string, unknown> => Object.fromEntries(Object.entries(decode(payload)).map(([name, value]) => [name, anyId(value)])));
  // Replies to an upstream come in any order.
  return nameOf(call) === "QueuesUpstream" ? all.sort((a, b) => String(a["RefRequestID"]).localeCompare(String(b["RefRequestID"]))) : all;
}

class Replayed {
  readonly call: RecordedCall;
  readonly stream: ClientHttp2Stream;
  readonly messages: Uint8Array[] = [];
  readonly over: Promise<void>;
  end: Record<string, unknown> = {};
  #held = Buffer.alloc(0);

  constructor(session: ClientHttp2Session, call: RecordedCall, messages: readonly Uint8Array[]) {
    this.call = call;
    this.stream = session.request({ ":method": "POST", ":path": call.path, "content-type": "application/grpc", te: "trailers" });
    this.stream.on("response", (headers) => { if (headers["grpc-status"] !== undefined) this.end = headers; });
    this.stream.on("trailers", (trailers) => { this.end = trailers; });
    this.stream.on("error", () => undefined);
    this.stream.on("data", (bytes: Buffer) => this.#data(bytes));
    this.over = new Promise((resolve) => this.stream.on("close", resolve));
    this.stream.end(Buffer.concat(messages.map((message) => encodeEnvelopes([message]))));
  }

  #data(bytes: Buffer): void {
    this.#held = Buffer.concat([this.#held, bytes]);
    while (this.#held.length >= 5 && this.#held.length >= 5 + this.#held.readUInt32BE(1)) {
      this.messages.push(new Uint8Array(this.#held.subarray(5, 5 + this.#held.readUInt32BE(1))));
      this.#held = this.#held.subarray(5 + this.#held.readUInt32BE(1));
    }
  }

  /** Compares what came with what was recorded; of a subscription, as much as was read of the real one. */
  async check(file: string): Promise<void> {
    const name = `${file}/${this.call.n}`;
    const expected = payloadsOf(this.call.response.messages);
    const isLeft = this.call.ended === "cancelled by client";
    if (EXCEPTIONS.includes(name)) counts.exceptions += 1;
    else {
      counts.replayed += 1;
      if (isLeft) await vi.waitUntil(() => this.messages.length >= expected.length, { timeout: 2_000 }).catch(() => undefined);
      else await this.over;
      const seen = expected.length === 0 ? this.messages : this.messages.slice(0, isLeft ? expected.length : undefined);
      const ended = isLeft ? undefined : [this.end["grpc-status"], decodeURIComponent(String(this.end["grpc-message"] ?? ""))];
      const theirs = isLeft ? undefined : [String(endOf(this.call)?.status), decodeURIComponent(endOf(this.call)?.fields["grpc-message"] ?? "")];
      expect({ name, messages: plain(this.call, seen), ended }).toEqual({ name, messages: plain(this.call, expected), ended: theirs });
    }
    this.stream.close(8);
    if (isLeft) await this.over;
  }
}

describe("the embedded KubeMQ, asked what a real broker was asked", () => {
  let server: ListeningEmbedded;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    server = await listenEmbedded({ systems: ["kubemq"] });
    session = connect(server.url);
  });
  afterAll(async () => {
    session.destroy();
    await server.close();
    process.stdout.write(`golden/kubemq, the embedded broker: ${JSON.stringify(counts)}\n`);
  });

  /** Resolves when the broker has begun all that was asked before. */
  const roundTrip = async (): Promise<void> => {
    const stream = session.request({ ":method": "POST", ":path": "/kubemq.kubemq/Ping", "content-type": "application/grpc", te: "trailers" });
    stream.resume();
    stream.end(encodeEnvelopes([new Uint8Array(0)]));
    await new Promise((resolve) => stream.on("close", resolve));
  };

  it.each(FILES)("answers each call of %s as the real one did", async (file) => {
    const calls = recordingsOf("kubemq").get(file) as RecordedCall[];
    const open: Replayed[] = [];
    let before: RecordedCall | undefined;
    const close = async (): Promise<void> => {
      for (const one of open.splice(0)) await one.check(file);
      await roundTrip();
    };
    for (const call of calls) {
      const mayOverlap = file !== "store" || open.every(({ call: earlier }) => !isSubscription(earlier) || OVERLAPPING.includes(`${file}/${earlier.n}`));
      if (before !== undefined && isSubscription(call) && (!isSubscription(before) || !mayOverlap)) await close();
      else if (!mayOverlap) await close();
      if (call.scenario === "queue/expired") await expired(open.at(-1));
      const replayed = new Replayed(session, call, nameOf(call) === "SendResponse" ? [await answerHere(call, open)] : payloadsOf(call.request.messages));
      open.push(replayed);
      // A request waits for the answer that comes with a later call.
      if (nameOf(call) === "SendRequest" && endOf(call)?.status === 0) await vi.waitUntil(() => replayed.stream.closed || asked(open, requestIdOf(call)) !== undefined, { timeout: 3_000 });
      else if (call.ended === "ended by server") await replayed.over;
      else await roundTrip();
      before = call;
    }
    await close();
  }, 40_000);

  it("counts its exceptions", () => {
    expect(counts).toEqual({ replayed: FILES.reduce((total, file) => total + (recordingsOf("kubemq").get(file)?.length ?? 0), 0) - EXCEPTIONS.length, exceptions: EXCEPTIONS.length });
  });
});

/** Resolves when the time of the message that a call has sent is over. */
async function expired(sending: Replayed | undefined): Promise<void> {
  const { ExpirationAt } = SendQueueMessageResult.decode(sending?.messages[0] as Uint8Array);
  await vi.waitUntil(() => BigInt(Date.now()) * 1_000_000n >= ExpirationAt, { timeout: 3_000 });
}

function requestIdOf(call: RecordedCall): string {
  return Request.decode(payloadsOf(call.request.messages)[0] as Uint8Array).RequestID;
}

/** The request as one of our responders got it. */
function asked(open: readonly Replayed[], requestId: string): Request | undefined {
  for (const { call, messages } of open) {
    if (nameOf(call) !== "SubscribeToRequests") continue;
    const found = messages.map((message) => Request.decode(message)).find(({ RequestID }) => RequestID === requestId);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A recorded response, sent to the address that our broker gave. */
async function answerHere(call: RecordedCall, open: readonly Replayed[]): Promise<Uint8Array> {
  const response = Response.decode(payloadsOf(call.request.messages)[0] as Uint8Array);
  await vi.waitUntil(() => asked(open, response.RequestID) !== undefined, { timeout: 3_000 });
  return Response.encode({ ...response, ReplyChannel: asked(open, response.RequestID)?.ReplyChannel ?? "" }).finish();
}
