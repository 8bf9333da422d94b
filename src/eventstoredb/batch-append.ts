import { deferred, type Deferred } from "../core/deferred.js";
import { isMillraceError, MillraceError, type ErrorCode, type Applied } from "../core/errors.js";
import { onAbort, startTimer } from "../core/signal.js";
import { randomUuid } from "../core/uuid.js";
import { openDuplex } from "../carrier/duplex.js";
import type { Connection } from "../carrier/connection.js";
import { decodeWhole } from "../protobuf/decode.js";
import { payloadsOf } from "../wire/frames.js";
import { eventstoredbMethods } from "../wire/methods.js";
import { MaximumAppendEventSizeExceeded, MaximumAppendSizeExceeded, WrongExpectedVersion } from "../../gen/static/event_store/client/shared.js";
import { BatchAppendReq, BatchAppendResp, type BatchAppendReq_Options } from "../../gen/static/event_store/client/streams/streams.js";
import type { Status } from "../../gen/static/google/rpc/status.js";
import type { PreparedAppend } from "./append.js";
import { AccessDeniedError, MaximumAppendSizeError, StreamDeletedError, WrongExpectedVersionError } from "./errors.js";
import type { AppendResult, ExpectedRevision } from "./types.js";

/** A larger append goes by a call of its own: it would hold up the others. */
const MAX_BYTES = 1_048_576;

/** How long a call is shared, in milliseconds, so that headers that change are sent anew. */
const LIFETIME_MS = 30_000;

const MAX_TEXT = 1_024;

/** What is sent for one append, and by what its answer is known. */
export interface BatchRequest {
  readonly id: string;
  readonly message: Uint8Array;
}

/** One call that many appends share. */
export interface BatchCall {
  /** Whether more appends may join. */
  readonly open: boolean;
  /** What the whole call ended with, if it did: the same error for all that had no answer. */
  readonly failure: unknown;
  append(request: BatchRequest, prepared: PreparedAppend, options: { signal: AbortSignal | undefined; timeoutMs: number }): Promise<AppendResult>;
}

/** An append as one message of a shared call; `undefined` when it is too large for that. */
export function encodeBatch({ stream, expected, events }: PreparedAppend): BatchRequest | undefined {
  const id = randomUuid();
  const message = BatchAppendReq.encode({
    correlationId: { value: { $case: "string", value: id } },
    options: { streamIdentifier: { streamName: new TextEncoder().encode(stream) }, expectedStreamPosition: toWireExpected(expected), deadlineOption: undefined },
    proposedMessages: [...events],
    isFinal: true,
  }).finish();
  return message.length > MAX_BYTES ? undefined : { id, message };
}

/** Opens a call to be shared. It is ended when nobody waits for an answer any more: no server does that. */
export function openBatch(connection: Connection): BatchCall {
  const duplex = openDuplex(connection, eventstoredbMethods.batchAppend);
  const waiting = new Map<string, { readonly answer: Deferred<AppendResult>; readonly prepared: PreparedAppend }>();
  const until = performance.now() + LIFETIME_MS;
  let over = false;
  let failure: unknown;

  const end = (reason: unknown): void => {
    over = true;
    duplex.leave(reason);
  };

  const fail = (error: unknown): void => {
    failure ??= error;
    end(error);
    for (const { answer } of waiting.values()) answer.reject(failure);
    waiting.clear();
  };

  const endIfIdle = (): void => {
    if (waiting.size === 0 && !over) end(new MillraceError("unavailable", "Nothing is appended any more", { system: "eventstoredb" }));
  };

  const take = (payload: Uint8Array): void => {
    const { correlationId, result } = decodeWhole(BatchAppendResp, payload);
    const id = correlationId?.value?.$case === "string" ? correlationId.value.value.toLowerCase() : undefined;
    if (id === undefined) throw new MillraceError("protocol", "The server answered an append without saying which", { system: "eventstoredb", applied: "unknown" });
    const asked = waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id);
    settle(asked.answer, asked.prepared, result);
  };

  const pump = async (): Promise<void> => {
    for (;;) {
      const chunk = await duplex.next();
      if (chunk === undefined) throw new MillraceError("unavailable", "The server ended the call before it answered", { system: "eventstoredb", applied: "unknown" });
      try {
        for (const payload of payloadsOf(chunk)) take(payload);
      } catch (cause) {
        throw isMillraceError(cause) ? cause : new MillraceError("protocol", "The server's answer to an append cannot be read", { system: "eventstoredb", applied: "unknown", cause });
      }
      endIfIdle();
    }
  };
  pump().catch(fail);

  return {
    get open() { return !over && performance.now() < until; },
    get failure() { return failure; },
    append({ id, message }, prepared, { signal, timeoutMs }) {
      const answer = deferred<AppendResult>();
      waiting.set(id, { answer, prepared });
      const late = (): void => answer.reject(new MillraceError("timeout", `The append was not answered within ${timeoutMs} ms`, { system: "eventstoredb", applied: "unknown" }));
      const stopTimer = startTimer(timeoutMs, late);
      const stopListening = signal === undefined ? undefined : onAbort(signal, answer.reject);
      duplex.send(message).catch(fail);
      return answer.promise.finally(() => {
        stopTimer();
        stopListening?.();
        waiting.delete(id);
        endIfIdle();
      });
    },
  };
}

function settle(answer: Deferred<AppendResult>, { stream, expected }: PreparedAppend, result: BatchAppendResp["result"]): void {
  if (result?.$case === "error") return answer.reject(errorOf(result.value, stream, expected));
  if (result === undefined) return answer.reject(new MillraceError("protocol", "The server's answer to an append cannot be read", { system: "eventstoredb", applied: "unknown" }));
  const { currentRevisionOption, positionOption } = result.value;
  answer.resolve({
    nextRevision: currentRevisionOption?.$case === "currentRevision" ? currentRevisionOption.value : undefined,
    position: positionOption?.$case === "position" ? { commit: positionOption.value.commitPosition, prepare: positionOption.value.preparePosition } : undefined,
  });
}

function toWireExpected(expected: ExpectedRevision): BatchAppendReq_Options["expectedStreamPosition"] {
  switch (expected) {
    case "no_stream": return { $case: "noStream", value: {} };
    case "any": return { $case: "any", value: {} };
    case "stream_exists": return { $case: "streamExists", value: {} };
    default: return { $case: "streamPosition", value: expected };
  }
}

/** What an error inside an answer means: the type of its detail decides, since some have the code of success. */
function errorOf({ code, message, details }: Status, stream: string, expected: ExpectedRevision): MillraceError {
  const detail = details[0];
  const value = detail?.value ?? new Uint8Array(0);
  const plain = (kind: ErrorCode, applied: Applied): MillraceError => new MillraceError(kind, message.slice(0, MAX_TEXT), { system: "eventstoredb", applied });
  switch (detail?.typeUrl.slice(detail.typeUrl.lastIndexOf("/") + 1)) {
    case "event_store.client.WrongExpectedVersion": {
      const { currentStreamRevisionOption: actual } = decodeWhole(WrongExpectedVersion, value);
      return new WrongExpectedVersionError(stream, expected, actual?.$case === "currentStreamRevision" ? actual.value : actual && "no_stream");
    }
    case "event_store.client.StreamDeleted": return new StreamDeletedError(stream);
    case "event_store.client.AccessDenied": return new AccessDeniedError();
    case "event_store.client.Timeout": return plain("timeout", "unknown");
    case "event_store.client.MaximumAppendSizeExceeded": return new MaximumAppendSizeError(decodeWhole(MaximumAppendSizeExceeded, value).maxAppendSize);
    case "event_store.client.MaximumAppendEventSizeExceeded": {
      const { maxAppendEventSize, eventId } = decodeWhole(MaximumAppendEventSizeExceeded, value);
      return new MaximumAppendSizeError(maxAppendEventSize, eventId);
    }
    case "event_store.client.InvalidTransaction":
    case "event_store.client.BadRequest": return plain("invalid_argument", "no");
    // A server that is not ready, too busy or without a leader says so with the code of success.
    default: return code === 0 ? plain("unavailable", "no") : plain("internal", "unknown");
  }
}
