import { MillraceError } from "millrace";
import { deferred } from "millrace/internal/core/deferred";
import { toKubeMqError } from "millrace/internal/kubemq/errors";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { Event, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";
import {
  commands, events, eventsStore, KubeMq, queries, queues, type BatchResult, type PublishResult, type QueueMessage, type Queues, type ReceivedEvent, type ReceivedRequest, type SendResult,
} from "millrace/kubemq";
import { afterAll, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";
import { endOf, expectationsOf, isShortened, payloadsOf, recordingsOf, type RecordedCall } from "./recording.js";

// Our client against what a real broker answered, byte for byte: each call must mean what was written down for it.

interface Meaning {
  readonly method: string | null;
  readonly then?: "reconnects";
  readonly error?: { readonly code: string };
  readonly events?: unknown;
  readonly requests?: readonly unknown[];
}

/** Calls in both directions at once: what was asked when decides what an answer means, and tests of their own script that. */
const UNREACHED = /^queues\.(receive|transaction|upstream)$/;
const counts = { replayed: 0, shortened: 0, "without a method of ours": 0, "out of reach": 0 };

describe("KubeMq, played what a real broker said", () => {
  const expectations = expectationsOf("kubemq") as unknown as Map<string, Meaning & { file: string; n: number }>;

  it.each([...recordingsOf("kubemq")])("understands each call of %s", async (file, calls) => {
    for (const call of calls) {
      const name = `${file}/${call.n}`;
      const { file: _file, n: _n, ...expected } = expectations.get(name) as Meaning & { file: string; n: number };
      const { method, ...meaning } = expected;
      const shortened = isShortened(call.response.messages);
      counts[UNREACHED.test(method ?? "") ? "out of reach" : method === null ? "without a method of ours" : shortened ? "shortened" : "replayed"] += 1;
      if (method === null || shortened || UNREACHED.test(method)) continue;
      expect({ name, ...(await outcomeOf(expected, method, call)) }).toEqual({ name, ...meaning });
    }
  });

  it("says nothing of a call that was not recorded", () => {
    const recorded = [...recordingsOf("kubemq")].flatMap(([file, calls]) => calls.map(({ n }) => `${file}/${n}`));
    expect([...expectations.keys()].sort()).toEqual(recorded.sort());
  });

  afterAll(() => {
    process.stdout.write(`golden/kubemq, our client: ${JSON.stringify(counts)}\n`);
    expect(counts["without a method of ours"] + counts.shortened).toBeLessThanOrEqual(15);
  });
});

const LEFT = new Error("the caller left");
const body = new Uint8Array(1);

async function outcomeOf(expected: Meaning, method: string, call: RecordedCall): Promise<object> {
  if (method === "reply") return replyOutcome(call);
  const reconnected = deferred<void>();
  let tries = 0;
  const carrier = scriptedCarrier((scripted) => {
    if (scripted.call.path === kubemqMethods.sendResponse.path) return answerEmpty(scripted);
    tries += 1;
    if (tries > 1) return reconnected.resolve();
    play(call, scripted);
  });
  const client = new KubeMq({ carrier, retry: method.endsWith(".subscribe") || method.endsWith(".serve") ? { baseMs: 1, maxMs: 2 } : false });
  try {
    return await outcome(client, method, call, expected, reconnected.promise);
  } catch (error) {
    if (error === LEFT) return { aborted: true };
    if (!(error instanceof MillraceError)) throw error;
    return { error: { code: error.code } };
  } finally {
    await client.close();
  }
}

function outcome(client: KubeMq, method: string, call: RecordedCall, expected: Meaning, reconnected: Promise<void>): Promise<object> {
  const signal = call.ended === "cancelled by client" ? leaving() : undefined;
  switch (method) {
    case "ping": return client.ping().then((ping) => ({ result: { ...ping, startedAt: ping.startedAt.getTime() } }));
    case "events.publish": return events(client).publish("c", { body }, { signal }).then((result) => ({ result }));
    case "eventsStore.publish": return eventsStore(client).publish("c", { body }, { signal }).then((result) => ({ result }));
    case "events.publishAll": return publishOutcome(events(client).publishAll("c", eventsOf(call)));
    case "eventsStore.publishAll": return publishOutcome(eventsStore(client).publishAll("c", eventsOf(call)));
    case "events.subscribe": return subscribeOutcome(events(client).subscribe("c"), expected, call, reconnected);
    case "eventsStore.subscribe": return subscribeOutcome(eventsStore(client).subscribe("c", { from: "first", group: groupOf(call) }), expected, call, reconnected);
    case "commands.send": return commands(client).send("c", { body, signal }).then((reply) => ({ result: plainReply({ ...reply, metadata: "", body: new Uint8Array(0), cacheHit: false }) }));
    case "queries.send": return queries(client).send("c", { body, signal }).then((reply) => ({ result: plainReply(reply) }));
    case "commands.serve": return serveOutcome(commands(client), expected, reconnected);
    case "queries.serve": return serveOutcome(queries(client), expected, reconnected);
  }
  return queueOutcome(queues(client), method, signal);
}

async function queueOutcome(queue: Queues, method: string, signal: AbortSignal | undefined): Promise<object> {
  switch (method) {
    case "queues.send": return { result: plainResult(await queue.send("c", { body }, { signal })) };
    case "queues.sendBatch": return { results: (await queue.sendBatch([{ channel: "c", body }], { signal })).map(plainResult) };
    case "queues.pull": return { messages: plainMessages(await queue.pull("c", { signal })) };
    case "queues.peek": return { messages: plainMessages(await queue.peek("c", { signal })) };
    case "queues.ackAll": return { result: String(await queue.ackAll("c", { signal })) };
    case "queues.info": return { result: (await queue.info()).map((info) => Object.values(info).map(String)) };
  }
  throw new Error(`No method ${method}`);
}

function plainResult({ id, error, sentAt, expirationAt, delayedTo }: SendResult & Partial<BatchResult>): object {
  return error === undefined ? { id, sentAt: ms(sentAt), expirationAt: ms(expirationAt), delayedTo: ms(delayedTo) } : { id, error: error.code };
}

function ms(date: Date | undefined): number | null {
  return date?.getTime() ?? null;
}

function plainMessages(messages: QueueMessage[]): unknown {
  const all = messages.map(({ id, channel, metadata, body: payload, tags, sequence, receiveCount, reRouted, reRoutedFromQueue, maxReceiveCount }) => [
    id, channel, metadata, Buffer.from(payload).toString("base64"), Object.entries(tags), String(sequence), receiveCount, reRouted ? reRoutedFromQueue : null, maxReceiveCount,
  ]);
  return all.length > 20 ? { first: all[0], last: all.at(-1), count: all.length } : all;
}

/** What a responder is told of its reply, which has no method of its own. */
async function replyOutcome(call: RecordedCall): Promise<object> {
  const end = endOf(call);
  if (end === undefined) return { error: { code: "unavailable" } };
  if (end.status === 0) return { result: null };
  const trailers = { status: end.status, message: decodeURIComponent(end.fields["grpc-message"] ?? ""), headers: new Headers() };
  return { error: { code: toKubeMqError(trailers, kubemqMethods.sendResponse, "unknown", errorOfTrailers).code } };
}

function eventsOf(call: RecordedCall): { id: string; body: Uint8Array }[] {
  return payloadsOf(call.request.messages).map((payload) => ({ id: Event.decode(payload).EventID, body }));
}

function groupOf(call: RecordedCall): string | undefined {
  const [request] = payloadsOf(call.request.messages);
  return Subscribe.decode(request as Uint8Array).Group === "" ? undefined : "g";
}

async function publishOutcome(results: AsyncIterable<PublishResult>): Promise<object> {
  const all: unknown[] = [];
  for await (const { id, error } of results) all.push(error === undefined ? [id] : [id, (error as MillraceError).code]);
  return { results: all };
}

async function subscribeOutcome(subscription: AsyncIterable<ReceivedEvent>, expected: Meaning, call: RecordedCall, reconnected: Promise<void>): Promise<object> {
  const iterator = subscription[Symbol.asyncIterator]();
  const taken: unknown[][] = [];
  while (taken.length < call.response.messages.length) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    const { id, channel, metadata, body: payload, timestamp, sequence, tags } = value.toObject();
    taken.push([id, channel, metadata, Buffer.from(payload).toString("base64"), String(timestamp), String(sequence), Object.entries(tags)]);
  }
  const outcome = { events: taken.length > 20 ? { first: taken[0], last: taken.at(-1), count: taken.length } : taken };
  if (expected.error !== undefined) return { ...outcome, error: { code: await iterator.next().then(() => "none", codeOf) } };
  if (call.ended === "cancelled by client") return outcome;
  void iterator.next().catch(() => {});
  await reconnected;
  return { ...outcome, then: "reconnects" };
}

async function serveOutcome(facet: Pick<ReturnType<typeof commands>, "serve">, expected: Meaning, reconnected: Promise<void>): Promise<object> {
  const requests: unknown[] = [];
  const all = deferred<void>();
  const enough = expected.requests?.length ?? 0;
  const serving = facet.serve("c", (request: ReceivedRequest) => {
    const { id, clientId, channel, metadata, body: payload, timeoutMs, cacheKey, cacheTtlSeconds, tags } = request;
    requests.push([id, clientId, channel, metadata, Buffer.from(payload).toString("base64"), timeoutMs, cacheKey, cacheTtlSeconds, Object.entries(tags)]);
    if (requests.length === enough) all.resolve();
  });
  if (expected.error !== undefined) return { requests, error: { code: await serving.done.then(() => "none", codeOf) } };
  if (enough > 0) await all.promise;
  if (expected.then === undefined) return { requests };
  await reconnected;
  return { requests, then: "reconnects" };
}

function codeOf(error: unknown): string {
  return (error as MillraceError).code;
}

function plainReply(reply: Awaited<ReturnType<ReturnType<typeof queries>["send"]>>): object {
  const { clientId, requestId, metadata, body: payload, cacheHit, timestamp, executed, error = null, tags } = reply;
  return { clientId, requestId, metadata, body: Buffer.from(payload).toString("base64"), cacheHit, timestamp: timestamp?.getTime() ?? null, executed, error, tags: Object.entries(tags) };
}

/** Answers as the broker did; what it never answered stays open. */
function play(call: RecordedCall, scripted: ScriptedCall): void {
  void drain(scripted.call.messages);
  if (call.response.headers?.[":status"] !== undefined) scripted.headers();
  for (const message of payloadsOf(call.response.messages)) scripted.chunk(message);
  if (call.ended === "cancelled by client") return;
  const end = endOf(call);
  if (end === undefined) return scripted.fail(new MillraceError("unavailable", "The connection was lost", { applied: "unknown" }));
  scripted.status(end.status, decodeURIComponent(end.fields["grpc-message"] ?? ""));
}

async function drain(messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  for await (const message of messages) void message;
}

function answerEmpty(scripted: ScriptedCall): void {
  scripted.headers();
  scripted.chunk(new Uint8Array(0));
  scripted.status(0);
}

/** A caller that leaves once its call is under way. */
function leaving(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(LEFT), 1);
  return controller.signal;
}
