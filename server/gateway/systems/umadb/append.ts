import type { Upstream, UpstreamCall, UpstreamFailure } from "millrace/internal/carrier/http2/upstream";
import { MillraceError } from "millrace/internal/core/errors";
import { AppendRequest, AppendResponse } from "millrace/internal/gen/static/umadb/v1/umadb";
import { decodeWhole } from "millrace/internal/protobuf/decode";
import { settleAppend, type SettledAppend } from "millrace/internal/umadb/settle";
import { encodeEnvelope, ENVELOPE_HEADER_BYTES, payloadsOf } from "millrace/internal/wire/frames";
import { responseTrailers } from "../../headers.js";
import type { Limits } from "../../limits.js";
import { limited, refusalOfLoss, status, trailersOfRefusal, type Refusal } from "../../refusal.js";
import type { UnaryCall, UnaryHandler, UnaryOutcome, UnaryRequest } from "../../unary-handler.js";
import { sendAppend, type AppendResult } from "./append-attempt.js";
import { AppendQueue, type AppendSlot, type AppendTicket } from "./append-queue.js";
import { isConditional } from "./append-request.js";
import { conflictError, errorOf, presentTrailers, trailersOf, type UmaDbError } from "./error-details.js";
import { readUpstream } from "./read-upstream.js";

/** Somebody else's cancelled append failed this one; nothing of it was stored. */
const CANCELLED_TEXT = "cancelled by user";
const CANCELLED_ATTEMPTS = 10;
const SETTLE_TIMEOUT_MS = 15_000;

/** UmaDB's Append, made so that no caller's append can hurt another's. */
export class Appends {
  readonly #upstream: Upstream;
  readonly #queue: AppendQueue;
  readonly #sent = new Set<Promise<unknown>>();

  constructor(upstream: Upstream, limits: Limits) {
    this.#upstream = upstream;
    this.#queue = new AppendQueue({
      slots: limits.conditionalAppends,
      slotsPerAddress: limits.conditionalAppendsPerClient,
      waiting: limits.waitingAppends,
    });
  }

  /** Makes one append. */
  readonly handler: UnaryHandler = (request, done) => {
    const conditional = isConditional(request.envelope.subarray(ENVELOPE_HEADER_BYTES));
    const call = new AppendCall({ upstream: this.#upstream, queue: this.#queue, request, conditional, track: (work) => this.#track(work) });
    return call.begin(done) ? call : refused(limited("Too many conditional appends wait already", 1_000), done);
  };

  /** Resolves when no append that was sent is under way any more: cutting one off would fail others. */
  async idle(): Promise<void> {
    while (this.#sent.size > 0) await Promise.allSettled(this.#sent);
  }

  #track(work: Promise<unknown>): void {
    this.#sent.add(work);
    void work.finally(() => this.#sent.delete(work));
  }
}

function refused(refusal: Refusal, done: (outcome: UnaryOutcome) => void): UnaryCall {
  queueMicrotask(() => done({ trailers: trailersOfRefusal(refusal) }));
  return { sent: false, leave: () => undefined };
}

interface AppendCallParts {
  readonly upstream: Upstream;
  readonly queue: AppendQueue;
  readonly request: UnaryRequest;
  readonly conditional: boolean;
  /** Takes note of work that must not be cut off. */
  readonly track: (work: Promise<unknown>) => void;
}

class AppendCall implements UnaryCall {
  readonly #parts: AppendCallParts;
  readonly #left = new AbortController();
  #ticket: AppendTicket | undefined;
  /** The last sending. */
  #call: UpstreamCall | undefined;
  /** A sending before that was lost on its way. */
  #lostOne = false;

  constructor(parts: AppendCallParts) {
    this.#parts = parts;
  }

  /** An answered sending before the last one stored nothing, or there would be no other. */
  get sent(): boolean {
    return this.#lostOne || this.#call?.sent === true;
  }

  /** Returns false when there is no room to wait in. */
  begin(done: (outcome: UnaryOutcome) => void): boolean {
    const enter = (slot: AppendSlot): void => {
      // A caller whose append was sent must hear of it, whatever goes wrong here.
      const work = this.#make(slot).catch(unknownOutcome).then(done);
      this.#parts.track(work);
    };
    if (!this.#parts.conditional) {
      enter(FREE_SLOT);
      return true;
    }
    this.#ticket = this.#parts.queue.join(this.#parts.request.client, enter);
    return this.#ticket !== undefined;
  }

  /** One that still waits is dropped. One that was sent runs to its end, and only its outcome is dropped. */
  leave(): void {
    this.#ticket?.leave();
    this.#left.abort();
  }

  async #make(slot: AppendSlot): Promise<UnaryOutcome> {
    const result = await this.#send(slot);
    if (result.kind === "answered") return { headers: result.headers, body: bodyOf(result), trailers: presentTrailers(responseTrailers(result.trailers)) };
    return this.#lost(result.failure);
  }

  /** Sends it, again where it failed for another's sake. The slot is free when it was answered, or is late. */
  async #send(slot: AppendSlot): Promise<AppendResult> {
    try {
      for (let attempt = 1; ; attempt++) {
        const result = await sendAppend({
          upstream: this.#parts.upstream,
          lane: this.#parts.conditional ? "append" : "short",
          headers: this.#parts.request.headers,
          envelope: this.#parts.request.envelope,
          opened: (call) => void (this.#call = call),
          late: () => slot.giveUp(),
        });
        if (!failedForAnother(result) || attempt === CANCELLED_ATTEMPTS || this.#left.signal.aborted) return result;
      }
    } finally {
      slot.release();
    }
  }

  async #lost({ error, sent, answered }: UpstreamFailure): Promise<UnaryOutcome> {
    if (!sent) return { trailers: trailersOfRefusal(refusalOfLoss(error, "no")) };
    this.#lostOne = true;
    if (!this.#parts.conditional || this.#left.signal.aborted) return unknownOutcome();
    return outcomeOf(await this.#settle(answered));
  }

  #settle(answered: boolean): Promise<SettledAppend> {
    const signal = AbortSignal.any([this.#left.signal, AbortSignal.timeout(SETTLE_TIMEOUT_MS)]);
    const { headers, envelope } = this.#parts.request;
    return settleAppend({
      request: decodeWhole(AppendRequest, envelope.subarray(ENVELOPE_HEADER_BYTES)),
      answered,
      signal,
      read: (request) => readUpstream({ upstream: this.#parts.upstream, headers, request, signal }),
      append: () => this.#repeat(signal),
    });
  }

  async #repeat(signal: AbortSignal): Promise<bigint> {
    const slot = await this.#slot(signal);
    const result = await this.#send(slot);
    if (result.kind === "lost") throw result.failure.error;
    const error = errorOf(result.trailers);
    if (error !== undefined) throw refusalOf(error);
    return positionOf(result.body);
  }

  #slot(signal: AbortSignal): Promise<AppendSlot> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const ticket = this.#parts.queue.join(this.#parts.request.client, resolve);
      if (ticket === undefined) throw new MillraceError("resource_exhausted", "Too many conditional appends wait already", { system: "umadb" });
      signal.addEventListener("abort", () => {
        ticket.leave();
        reject(signal.reason as Error);
      }, { once: true });
    });
  }
}

const FREE_SLOT: AppendSlot = { release: () => undefined, giveUp: () => undefined };

function failedForAnother(result: AppendResult): boolean {
  if (result.kind === "lost") return false;
  const error = errorOf(result.trailers);
  return error?.status === status.internal && error.text.endsWith(CANCELLED_TEXT);
}

function bodyOf({ body }: { readonly body: Uint8Array }): Uint8Array | undefined {
  return body.length === 0 ? undefined : body;
}

/** What settling needs to know of a refusal is whether it is the conflict; the server's text stays in the cause. */
function refusalOf(error: UmaDbError): MillraceError {
  const cause = new UmaDbRefusal(error);
  return new MillraceError(error.status === status.failedPrecondition ? "conflict" : "internal", "The append was refused", { system: "umadb", cause });
}

class UmaDbRefusal extends Error {
  readonly error: UmaDbError;

  constructor(error: UmaDbError) {
    super("UmaDB refused the call");
    this.error = error;
  }
}

function positionOf(body: Uint8Array): bigint {
  const payload = payloadsOf(body)[0];
  if (payload === undefined) throw new MillraceError("protocol", "The append was answered with no message", { system: "umadb", applied: "unknown" });
  return AppendResponse.decode(payload).position;
}

function outcomeOf(settled: SettledAppend): UnaryOutcome {
  switch (settled.outcome) {
    case "applied":
      return { body: encodeEnvelope(AppendResponse.encode({ position: settled.position }).finish()), trailers: { "grpc-status": "0" } };
    case "conflict":
      return { trailers: trailersOf(serverWords(settled.error) ?? conflictError) };
    case "unknown":
      return unknownOutcome();
  }
}

function serverWords(error: unknown): UmaDbError | undefined {
  return error instanceof MillraceError && error.cause instanceof UmaDbRefusal ? error.cause.error : undefined;
}

function unknownOutcome(): UnaryOutcome {
  return {
    trailers: trailersOfRefusal({
      status: status.unavailable,
      message: "The connection to UmaDB was lost before it answered: the append may or may not be stored",
      applied: "unknown",
      reason: "upstream-lost",
    }),
  };
}
