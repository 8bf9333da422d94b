import type { Any } from "millrace/internal/gen/static/google/protobuf/any";
import { AccessDenied, BadRequest, MaximumAppendSizeExceeded, StreamDeleted, Timeout, WrongExpectedVersion } from "millrace/internal/gen/static/event_store/client/shared";
import { BatchAppendReq, BatchAppendResp, type BatchAppendReq_Options } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { startTimer } from "millrace/internal/core/signal";
import type { ServiceMethod } from "../service.js";
import type { EmbeddedSession } from "./access.js";
import { MAX_APPEND_BYTES } from "./append.js";
import { Outbox } from "./outbox.js";
import { decodeRequest, EMPTY, identifierOf, nameOf, proposedRecord, recordBytes, revisionOf, uuidText } from "./messages.js";
import { expected, type NewRecord } from "./record.js";
import type { EventStore, WriteOutcome } from "./store.js";

/** How long the real server waits for the rest of an append, in milliseconds. */
const WRITE_TIMEOUT_MS = 2_000;
const MISSING_ID = "Value cannot be null. (Parameter 'dto')";

/** Gives answers in another order; see `shuffleBatchAnswers`. */
export type AnswerOrder = (answers: Uint8Array[]) => Uint8Array[];

interface Pending {
  readonly correlationId: BatchAppendReq["correlationId"];
  readonly options: BatchAppendReq_Options;
  readonly messages: BatchAppendReq["proposedMessages"][number][];
  readonly stop: () => void;
}

/** `Streams.BatchAppend`: any number of appends in one call, each known by its correlation id. */
export async function* batchAppend(
  store: EventStore, session: EmbeddedSession, requests: Parameters<ServiceMethod>[0], signal: AbortSignal, order: AnswerOrder | undefined,
): AsyncGenerator<Uint8Array> {
  const outbox = new Outbox(signal, order);
  const pending = new Map<string, Pending>();
  const takeAll = async (): Promise<void> => {
    for await (const payload of requests) takeOne(store, session, pending, outbox, decodeRequest(BatchAppendReq, payload));
    // The real server leaves a call open whose last answer went out before it was half-closed; ours ends.
    while (pending.size > 0 && !signal.aborted) await outbox.changed();
    outbox.end();
  };
  takeAll().catch((error: unknown) => outbox.fail(error));
  try {
    yield* outbox.items();
  } finally {
    for (const { stop } of pending.values()) stop();
  }
}

function takeOne(store: EventStore, session: EmbeddedSession, pending: Map<string, Pending>, outbox: Outbox, request: BatchAppendReq): void {
  const { correlationId, options } = request;
  const key = uuidText(correlationId);
  const answer = (stream: BatchAppendReq_Options["streamIdentifier"], result: BatchAppendResp["result"]): void =>
    outbox.push(BatchAppendResp.encode({ correlationId, result, streamIdentifier: stream, expectedStreamPosition: undefined }).finish());
  if (key === undefined) {
    outbox.push(BatchAppendResp.encode({ correlationId: undefined, result: badRequest(MISSING_ID), streamIdentifier: options?.streamIdentifier, expectedStreamPosition: undefined }).finish());
    return;
  }
  let one = pending.get(key);
  if (one === undefined) {
    if (options === undefined) return;
    const stream = nameOf(options.streamIdentifier);
    const ms = deadlineOf(options);
    if (stream === "") return answer(options.streamIdentifier, badRequest("Value cannot be null. (Parameter 'value')"));
    if (ms <= 0) return answer(options.streamIdentifier, failure(4, "Timeout", "Timeout", Timeout.encode(EMPTY).finish()));
    try {
      session.require(stream, "$w");
    } catch {
      return answer(options.streamIdentifier, failure(7, "AccessDenied", "AccessDenied", AccessDenied.encode(EMPTY).finish()));
    }
    const stop = startTimer(ms, () => {
      pending.delete(key);
      answer(options.streamIdentifier, failure(4, "Timeout", "Timeout", Timeout.encode(EMPTY).finish()));
    });
    one = { correlationId, options, messages: [], stop };
    pending.set(key, one);
  }
  one.messages.push(...request.proposedMessages);
  if (!request.isFinal) return;
  pending.delete(key);
  one.stop();
  answer(one.options.streamIdentifier, written(store, one));
}

function written(store: EventStore, { options, messages }: Pending): BatchAppendResp["result"] {
  const records: NewRecord[] = [];
  let bytes = 0;
  for (const message of messages) {
    try {
      records.push(proposedRecord(message));
    } catch {
      // What the real server's library throws is told as it is.
      return badRequest(message.metadata.has("type") && message.metadata.has("content-type") ? MISSING_ID : "The given key was not present in the dictionary.");
    }
    bytes += recordBytes(records.at(-1) as NewRecord);
  }
  const stream = nameOf(options.streamIdentifier);
  if (bytes > MAX_APPEND_BYTES) {
    return failure(3, "MaximumAppendSizeExceeded", "MaximumAppendSizeExceeded", MaximumAppendSizeExceeded.encode({ maxAppendSize: MAX_APPEND_BYTES }).finish());
  }
  return resultOf(stream, options, store.append(stream, expectedPosition(options), records));
}

function resultOf(stream: string, options: BatchAppendReq_Options, outcome: WriteOutcome): BatchAppendResp["result"] {
  if (outcome.kind === "deleted") {
    return failure(5, "StreamDeleted", "StreamDeleted", StreamDeleted.encode({ streamIdentifier: identifierOf(stream) }).finish());
  }
  if (outcome.kind === "wrong-version") return failure(6, "WrongExpectedVersion", "WrongExpectedVersion", wrongVersion(options, outcome.actual));
  return {
    $case: "success",
    value: {
      currentRevisionOption: outcome.last < 0n ? { $case: "noStream", value: EMPTY } : { $case: "currentRevision", value: outcome.last },
      positionOption: { $case: "position", value: { commitPosition: outcome.position, preparePosition: outcome.position } },
    },
  };
}

function wrongVersion({ expectedStreamPosition: wanted }: BatchAppendReq_Options, actual: bigint): Uint8Array {
  return WrongExpectedVersion.encode({
    currentStreamRevisionOption: actual < 0n ? { $case: "currentNoStream", value: EMPTY } : { $case: "currentStreamRevision", value: actual },
    expectedStreamPositionOption:
      wanted?.$case === "streamPosition" ? { $case: "expectedStreamPosition", value: wanted.value }
      : wanted?.$case === "streamExists" ? { $case: "expectedStreamExists", value: EMPTY }
      : wanted?.$case === "noStream" ? { $case: "expectedNoStream", value: EMPTY }
      : { $case: "expectedAny", value: EMPTY },
  }).finish();
}

function expectedPosition({ expectedStreamPosition: wanted }: BatchAppendReq_Options): bigint {
  if (wanted?.$case === "streamPosition") return revisionOf(wanted.value);
  if (wanted?.$case === "noStream") return expected.noStream;
  return wanted?.$case === "streamExists" ? expected.exists : expected.any;
}

function deadlineOf({ deadlineOption }: BatchAppendReq_Options): number {
  if (deadlineOption === undefined) return WRITE_TIMEOUT_MS;
  const { seconds, nanos } = deadlineOption.value;
  const ms = Number(seconds) * 1_000 + Math.floor(nanos / 1e6);
  return Math.min(deadlineOption.$case === "deadline" ? ms : ms - Date.now(), WRITE_TIMEOUT_MS);
}

function badRequest(message: string): BatchAppendResp["result"] {
  return failure(3, "BadRequest", "BadRequest", BadRequest.encode({ message }).finish());
}

function failure(code: number, message: string, type: string, value: Uint8Array): BatchAppendResp["result"] {
  const details: Any[] = [{ typeUrl: `type.googleapis.com/event_store.client.${type}`, value }];
  return { $case: "error", value: { code, message, details } };
}
