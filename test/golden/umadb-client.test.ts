import { MillraceError } from "millrace";
import { deferred } from "millrace/internal/core/deferred";
import { codeOfStatus } from "millrace/internal/wire/status";
import { umadbMethods } from "millrace/internal/wire/methods";
import { ReadRequest } from "millrace/internal/gen/static/umadb/v1/umadb";
import { UmaDb, type Read, type ReceivedEvent } from "millrace/umadb";
import { afterAll, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";
import { endOf, expectationsOf, isShortened, payloadsOf, recordingsOf, type Expectation, type RecordedCall } from "./recording.js";

// Our client against what a real server answered, byte for byte: each call must mean what was written down for it.

/** Calls whose answer is none of gRPC, so that it ends below the seam at which answers are played. */
const EXCEPTIONS = new Map([["errors/29", "HTTP 431 without a gRPC status: the carriers' tests hold it"]]);
const counts = { replayed: 0, shortened: 0, "without a method of ours": 0, exceptions: 0 };

describe("UmaDb, played what a real server said", () => {
  const expectations = expectationsOf("umadb");

  it.each([...recordingsOf("umadb")])("understands each call of %s", async (file, calls) => {
    for (const call of calls) {
      const name = `${file}/${call.n}`;
      const expected = expectations.get(name) as Expectation;
      if (EXCEPTIONS.has(name)) {
        counts.exceptions += 1;
        continue;
      }
      counts[isShortened(call.response.messages) ? "shortened" : expected.method === null ? "without a method of ours" : "replayed"] += 1;
      const { file: _file, n: _n, method, ...meaning } = expected;
      expect({ name, ...(await outcomeOf(method, call)) }).toEqual({ name, ...meaning });
    }
  });

  it("says nothing of a call that was not recorded", () => {
    const recorded = [...recordingsOf("umadb")].flatMap(([file, calls]) => calls.map(({ n }) => `${file}/${n}`));
    expect([...expectations.keys()].sort()).toEqual(recorded.sort());
  });

  afterAll(() => {
    process.stdout.write(`golden/umadb, our client: ${JSON.stringify(counts)}\n`);
    expect(counts.exceptions).toBeLessThanOrEqual(15);
  });
});

async function outcomeOf(method: Expectation["method"], call: RecordedCall): Promise<object> {
  if (method === null) return rawOutcome(call);
  const path = method === "health" ? umadbMethods.healthCheck.path : umadbMethods[method].path;
  let tries = 0;
  const reconnected = deferred<void>();
  const carrier = scriptedCarrier((scripted) => {
    // A subscription asks for the head beside; it finds an empty store.
    if (scripted.call.path !== path) return answerEmpty(scripted);
    tries += 1;
    if (tries > 1 && method === "subscribe" && !failed(call)) return reconnected.resolve();
    play(call, scripted);
  });
  const db = new UmaDb({ carrier, retry: method === "subscribe" ? { attempts: 4, baseMs: 1, maxMs: 2 } : false });
  try {
    return await outcome(db, method, call, reconnected.promise);
  } catch (error) {
    if (error === LEFT) return { aborted: true };
    if (!(error instanceof MillraceError)) throw error;
    return { error: error.name === "MillraceError" ? { code: error.code } : { code: error.code, name: error.name } };
  } finally {
    await db.close();
  }
}

const LEFT = new Error("the caller left");

async function outcome(db: UmaDb, method: NonNullable<Expectation["method"]>, call: RecordedCall, reconnected: Promise<void>): Promise<object> {
  const signal = call.ended === "cancelled by client" && call.response.headers?.[":status"] === undefined ? leaving() : undefined;
  switch (method) {
    case "append": return { result: String(await db.append([{ type: "x", data: new Uint8Array(0) }], { signal })) };
    case "head": return { result: (await db.head({ signal }))?.toString() ?? null };
    case "trackingInfo": return { result: (await db.trackingInfo("s", { signal }))?.toString() ?? null };
    case "health": return { result: (await db.health({ signal })).status };
    case "read": return readOutcome(db, call);
    case "subscribe": return subscribeOutcome(db, call, reconnected);
  }
}

async function readOutcome(db: UmaDb, call: RecordedCall): Promise<object> {
  if (isShortened(call.response.messages)) return { shortened: true };
  const read = readAgain(db, call);
  const left = call.ended === "cancelled by client";
  const batches = await take(read.batches(), left ? call.response.messages.length : Infinity);
  return left ? { batches: plain(batches) } : { batches: plain(batches), head: (await read.head())?.toString() ?? null };
}

/** The read that was recorded: what an answer means depends on what was asked. */
function readAgain(db: UmaDb, call: RecordedCall): Read {
  const [request] = payloadsOf(call.request.messages);
  const { query, start, backwards, limit, batchSize } = ReadRequest.decode(request as Uint8Array);
  return db.read(query, { start, backwards, limit, batchSize });
}

async function subscribeOutcome(db: UmaDb, call: RecordedCall, reconnected: Promise<void>): Promise<object> {
  if (isShortened(call.response.messages)) return { shortened: true };
  const batches = db.subscribe().batches();
  const taken = await take(batches, failed(call) ? 1 : call.response.messages.length);
  if (call.ended === "cancelled by client") return { batches: plain(taken) };
  const next = batches.next().catch(() => undefined);
  await reconnected;
  await db.close();
  await next;
  return { batches: plain(taken), then: "reconnects" };
}

async function take<T>(items: AsyncIterator<T>, most: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < most) {
    const { done, value } = await items.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

/** In the form of the expectations: events whole where they are few, else each batch by its ends and its length. */
function plain(batches: ReceivedEvent[][]): unknown[] {
  const many = batches.reduce((sum, batch) => sum + batch.length, 0) > 20;
  return batches.filter((batch) => batch.length > 0).map((batch) => (many
    ? { first: String(batch[0]?.position), last: String(batch.at(-1)?.position), count: batch.length }
    : batch.map((received) => {
      const { position, event, trackingInfo } = received.toObject();
      return [
        String(position), event.type, event.tags, Buffer.from(event.data).toString("base64"), event.uuid ?? "",
        Object.entries(event.metadata ?? {}), trackingInfo === undefined ? null : [trackingInfo.source, String(trackingInfo.position)],
      ];
    })));
}

/** Calls that our client never makes: what a carrier would hand on of them. */
function rawOutcome(call: RecordedCall): object {
  const end = endOf(call);
  if (end !== undefined && end.status !== 0) return { error: { code: codeOfStatus(end.status) } };
  return { messages: call.response.messages.length };
}

function failed(call: RecordedCall): boolean {
  return (endOf(call)?.status ?? 0) !== 0;
}

/** Answers as the server did; what it never answered stays open. */
function play(call: RecordedCall, scripted: ScriptedCall): void {
  const { headers, messages } = call.response;
  if (headers?.[":status"] !== undefined) scripted.headers();
  for (const message of payloadsOf(messages)) scripted.chunk(message);
  if (call.ended === "cancelled by client") return;
  const end = endOf(call);
  if (end === undefined) return scripted.fail(new MillraceError("unavailable", "The connection was lost", { applied: "unknown" }));
  const details = end.fields["grpc-status-details-bin"];
  scripted.status(end.status, decodeURIComponent(end.fields["grpc-message"] ?? ""), details === undefined ? {} : { "grpc-status-details-bin": details });
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
