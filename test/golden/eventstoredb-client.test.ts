import { MillraceError } from "millrace";
import { toEventStoreDbError } from "millrace/internal/eventstoredb/errors";
import { deferred } from "millrace/internal/core/deferred";
import { AppendReq, DeleteReq, ReadReq, type ReadReq_Options } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { allMethods, type Method } from "millrace/internal/wire/methods";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { EventStoreDb, type EventFilter, type ExpectedRevision, type NewEvent, type ReceivedEvent, type RecordedEvent } from "millrace/eventstoredb";
import { afterAll, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";
import { endOf, expectationsOf, isShortened, payloadsOf, recordingsOf, type RecordedCall } from "./recording.js";

// Our client against what real servers answered, byte for byte: each call must mean what was written down for it.

interface Expected {
  readonly file: string;
  readonly n: number;
  readonly method: string | null;
  readonly sent?: false;
  readonly [meaning: string]: unknown;
}

type Played = "append" | "readStream" | "readAll" | "subscribeToStream" | "subscribeToAll" | "deleteStream" | "tombstoneStream" | "appendToStreams" | "appendRecords";

const PLAYED: readonly string[] = ["append", "readStream", "readAll", "subscribeToStream", "subscribeToAll", "deleteStream", "tombstoneStream", "appendToStreams", "appendRecords"] satisfies Played[];
/** Calls whose answer is none of gRPC, so that it ends below the seam at which answers are played. */
const EXCEPTIONS = new Map([["secure/35", "HTTP 500 without a gRPC status: the carriers' tests hold it"]]);
const counts = { replayed: 0, shortened: 0, "without a method of ours": 0, "played by the tests of their facet": 0, exceptions: 0 };
const ANY_EVENT: NewEvent = { type: "A", data: new Uint8Array(0) };
const LEFT = new Error("the caller left");

describe("EventStoreDb, played what a real server said", () => {
  const expectations = expectationsOf("eventstoredb") as unknown as Map<string, Expected>;

  it.each([...recordingsOf("eventstoredb")])("understands each call of %s", async (file, calls) => {
    for (const call of calls) {
      const name = `${file}/${call.n}`;
      const expected = expectations.get(name) as Expected;
      const { file: _file, n: _n, method, checkpoints: _checkpoints, ...meaning } = expected;
      if (EXCEPTIONS.has(name)) {
        counts.exceptions += 1;
      } else if (method === null) {
        counts[expected["shortened"] === true ? "shortened" : "without a method of ours"] += 1;
        expect({ name, ...rawOutcome(call) }).toEqual({ name, ...meaning });
      } else if (PLAYED.includes(method) && !call.path.endsWith("/BatchAppend")) {
        counts.replayed += 1;
        expect({ name, ...(await outcomeOf(method as Played, call, expected)) }).toEqual({ name, ...meaning });
      } else {
        counts["played by the tests of their facet"] += 1;
      }
    }
  });

  it("says something of each call that was recorded, and of no other", () => {
    const recorded = [...recordingsOf("eventstoredb")].flatMap(([file, calls]) => calls.map(({ n }) => `${file}/${n}`));
    expect([...expectations.keys()].sort()).toEqual(recorded.sort());
  });

  afterAll(() => {
    process.stdout.write(`golden/eventstoredb, our client: ${JSON.stringify(counts)}\n`);
    expect(counts.exceptions).toBeLessThanOrEqual(15);
  });
});

async function outcomeOf(method: Played, call: RecordedCall, expected: Expected): Promise<object> {
  let sent = 0;
  const reconnected = deferred<void>();
  const requestsAgain = method.startsWith("subscribe");
  const carrier = scriptedCarrier((scripted) => {
    // A subscription asks for the last event beside; it finds none.
    if (requestsAgain && scripted.call.lane !== "live") return scripted.status(0);
    sent += 1;
    if (sent === 1) play(call, scripted);
    else reconnected.resolve();
  });
  const client = new EventStoreDb({ carrier, retry: requestsAgain ? { attempts: 4, baseMs: 1, maxMs: 2 } : false });
  try {
    const outcome = requestsAgain ? await subscribed(client, call, expected, reconnected.promise) : await asked(client, method, call, expected);
    return sent === 0 ? { ...outcome, sent: false } : outcome;
  } catch (error) {
    if (error === LEFT) return { left: true };
    const refused = { error: plainError(error, method === "appendToStreams" || method === "appendRecords") };
    return sent === 0 ? { ...refused, sent: false } : refused;
  } finally {
    await client.close();
  }
}

async function asked(client: EventStoreDb, method: Played, call: RecordedCall, expected: Expected): Promise<object> {
  const [request] = payloadsOf(call.request.messages) as [Uint8Array];
  const isRead = method === "readStream" || method === "readAll";
  const signal = call.ended === "cancelled by client" && !isRead ? leaving() : undefined;
  if (method === "appendToStreams" || method === "appendRecords") {
    // What was asked does not matter for what the answer means.
    const { streams, position } = await (method === "appendRecords" ? client.appendRecords([{ stream: "s", ...ANY_EVENT }]) : client.appendToStreams([{ stream: "s", events: [ANY_EVENT] }]));
    return { result: { streams: streams.map(({ stream, revision }) => ({ stream, revision: String(revision) })), position: String(position) } };
  }
  if (method === "append") {
    const [first, ...rest] = payloadsOf(call.request.messages).map((message) => AppendReq.decode(message).content);
    if (first?.$case !== "options") throw new Error("the recording begins with an event");
    const { streamIdentifier, expectedStreamRevision } = first.value;
    const events = rest.map((content) => eventOf(content?.value as never));
    const { nextRevision, position } = await client.append(nameOf(streamIdentifier), events, { expectedRevision: expectedOf(expectedStreamRevision), signal });
    return { result: { nextRevision: nextRevision === undefined ? null : String(nextRevision), position: plainPosition(position) } };
  }
  if (!isRead) {
    const { streamIdentifier, expectedStreamRevision } = DeleteReq.decode(request).options as { streamIdentifier: Name; expectedStreamRevision: Expectation };
    const { position } = await (client[method as "deleteStream"])(nameOf(streamIdentifier), { expectedRevision: expectedOf(expectedStreamRevision) });
    return { result: { position: plainPosition(position) } };
  }
  const options = ReadReq.decode(request).options as ReadReq_Options;
  const read = readAgain(client, options);
  const events: ReceivedEvent[] = [];
  const left = call.ended === "cancelled by client" && expected.sent !== false;
  const most = left ? eventsIn(call) : Infinity;
  let error: unknown;
  try {
    const iterator = read[Symbol.asyncIterator]();
    while (events.length < most) {
      const { done, value } = await iterator.next();
      if (done === true) break;
      events.push(value);
    }
    await (left ? iterator.return?.() : undefined);
  } catch (failed) {
    error = failed;
  }
  return {
    events: events.map((event) => plainEvent(event.toObject())),
    ...(read.lastRevision === undefined ? {} : { lastRevision: String(read.lastRevision) }),
    ...(error === undefined ? {} : { error: plainError(error) }),
    ...(left ? { left: true } : {}),
  };
}

async function subscribed(client: EventStoreDb, call: RecordedCall, expected: Expected, reconnected: Promise<void>): Promise<object> {
  const [request] = payloadsOf(call.request.messages) as [Uint8Array];
  const subscription = subscribeAgain(client, ReadReq.decode(request).options as ReadReq_Options);
  const events: ReceivedEvent[] = [];
  let caughtUp = false;
  const caught = deferred<void>();
  subscription.onStateChange(({ kind }) => {
    if (kind === "live") {
      caughtUp = true;
      caught.resolve();
    }
  });
  const items = subscription.values();
  const goOn = (): Promise<IteratorResult<ReceivedEvent>> => items.next();
  const plain = (): object => ({ events: events.map((event) => plainEvent(event.toObject())), caughtUp: expected["caughtUp"] === true ? caughtUp : false });
  while (events.length < eventsIn(call)) events.push((await goOn()).value as ReceivedEvent);
  const next = goOn().then(() => undefined, (error: unknown) => error);
  if (expected["error"] !== undefined) return { ...plain(), error: plainError(await next) };
  if (expected["caughtUp"] === true) await caught.promise;
  if (expected["then"] === "reconnects") {
    await reconnected;
    await subscription.close();
    return { ...plain(), then: "reconnects" };
  }
  await subscription.close();
  await next;
  return { ...plain(), left: true };
}

type Name = { readonly streamName: Uint8Array } | undefined;
type Expectation = { readonly $case: string; readonly value: unknown } | undefined;

function readAgain(client: EventStoreDb, { streamOption, readDirection, resolveLinks, countOption, filterOption }: ReadReq_Options): ReturnType<EventStoreDb["readAll"]> {
  const count = countOption?.value as bigint;
  const common = { backwards: readDirection === 1, resolveLinks, limit: count > 2n ** 53n - 1n ? undefined : Number(count) };
  if (streamOption?.$case === "stream") {
    const { streamIdentifier, revisionOption } = streamOption.value;
    return client.readStream(nameOf(streamIdentifier), { ...common, from: fromOf(revisionOption) as bigint | "start" | "end" });
  }
  return client.readAll({ ...common, from: fromOf(streamOption?.value.allOption), filter: filterOf(filterOption) });
}

function subscribeAgain(client: EventStoreDb, { streamOption, resolveLinks, filterOption }: ReadReq_Options): ReturnType<EventStoreDb["subscribeToStream" | "subscribeToAll"]> {
  if (streamOption?.$case === "stream") {
    const { streamIdentifier, revisionOption } = streamOption.value;
    return client.subscribeToStream(nameOf(streamIdentifier), { resolveLinks, after: fromOf(revisionOption) as bigint | "start" | "end" });
  }
  return client.subscribeToAll({ resolveLinks, after: fromOf(streamOption?.value.allOption), filter: filterOf(filterOption) });
}

function fromOf(option: { readonly $case: string; readonly value: unknown } | undefined): bigint | { commit: bigint; prepare: bigint } | "start" | "end" {
  if (option?.$case === "start" || option?.$case === "end") return option.$case;
  if (option?.$case === "revision") return option.value as bigint;
  if (option === undefined) throw new Error("the recording says no place");
  const { commitPosition, preparePosition } = option.value as { commitPosition: bigint; preparePosition: bigint };
  return { commit: commitPosition, prepare: preparePosition };
}

function filterOf(option: ReadReq_Options["filterOption"]): EventFilter | undefined {
  if (option?.$case !== "filter") return undefined;
  const { filter } = option.value;
  const { regex = "", prefix = [] } = filter?.value ?? {};
  return { by: filter?.$case === "eventType" ? "type" : "stream", ...(regex === "" ? { prefixes: prefix } : { regex }) };
}

function nameOf(identifier: Name): string {
  return new TextDecoder().decode(identifier?.streamName);
}

function expectedOf(option: Expectation): ExpectedRevision {
  const names: Record<string, ExpectedRevision> = { noStream: "no_stream", any: "any", streamExists: "stream_exists" };
  return names[option?.$case ?? ""] ?? (option?.value as bigint);
}

function eventOf({ id, metadata, customMetadata, data }: { id?: { value?: { value: unknown } }; metadata: Map<string, string>; customMetadata: Uint8Array; data: Uint8Array }): NewEvent {
  const uuid = id?.value?.value;
  const contentType = metadata.get("content-type") === "application/json" ? "application/json" : "application/octet-stream";
  return { type: metadata.get("type") ?? "", data, metadata: customMetadata, contentType, id: typeof uuid === "string" ? uuid : undefined };
}

function plainPosition(position: { commit: bigint; prepare: bigint } | undefined): [string, string] | null {
  return position === undefined ? null : [String(position.commit), String(position.prepare)];
}

function plainEvent({ id, type, contentType, data, metadata, stream, revision, position, created, link }: RecordedEvent): object {
  return {
    stream, revision: String(revision), id, type, contentType, created: created.getTime(), data: Buffer.from(data).toString("base64"),
    metadata: Buffer.from(metadata).toString("base64"), position: plainPosition(position), ...(link && { link: plainEvent(link) }),
  };
}

/** Code, name and, unless it is `short`, the fields that a caller acts on, in the form of the expectations. */
function plainError(error: unknown, short = false): object {
  if (!(error instanceof MillraceError)) throw error;
  const { code, name } = error;
  const fields: Record<string, unknown> = { code };
  if (name !== "MillraceError") fields["name"] = name;
  for (const field of short ? [] : ["stream", "expected", "actual", "host", "port", "maxBytes"]) {
    if (!(field in error)) continue;
    const value = (error as unknown as Record<string, unknown>)[field];
    fields[field] = typeof value === "bigint" ? String(value) : (value ?? null);
  }
  return fields;
}

/** Requests that our client never makes: what it would make of the answer's end, or how many messages there were. */
function rawOutcome(call: RecordedCall): object {
  const shortened = isShortened(call.request.messages) || isShortened(call.response.messages) ? { shortened: true } : {};
  const end = endOf(call);
  const http = Number(call.response.headers?.[":status"] ?? 200);
  if (end === undefined && http !== 200) return { ...shortened, error: { code: "protocol" } };
  if (end === undefined || end.status === 0) return { ...shortened, messages: call.response.messages.length };
  const trailers = { status: end.status, message: decodeURIComponent(end.fields["grpc-message"] ?? ""), headers: headersIn(end.fields) };
  return { ...shortened, error: { code: toEventStoreDbError(trailers, allMethods().get(call.path) as Method, "no", errorOfTrailers).code } };
}

function headersIn({ ":status": _status, ...fields }: Record<string, string>): Headers {
  return new Headers(fields);
}

function eventsIn(call: RecordedCall): number {
  return payloadsOf(call.response.messages).filter((message) => message[0] === 10).length;
}

/** Answers as the server did; what it never answered stays open. */
function play(call: RecordedCall, scripted: ScriptedCall): void {
  const { headers, messages } = call.response;
  if (headers?.[":status"] !== undefined) scripted.headers();
  if (messages.length > 0) scripted.chunk(...payloadsOf(messages));
  if (call.ended === "cancelled by client") return;
  const end = endOf(call);
  if (end === undefined) return scripted.fail(new MillraceError("unavailable", "The connection was lost", { applied: "unknown" }));
  scripted.status(end.status, decodeURIComponent(end.fields["grpc-message"] ?? ""), headersIn(end.fields));
}

/** A caller that leaves once its call is under way. */
function leaving(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(LEFT), 1);
  return controller.signal;
}
