import type { Upstream, UpstreamCall, UpstreamEvents, UpstreamFailure, UpstreamRequest } from "millrace/internal/carrier/http2/upstream";
import type { Applied } from "millrace/internal/core/errors";
import type { Answer } from "./answer.js";
import type { HeaderFields } from "./exchange.js";
import { appliedOf, refusalOfLoss, status, trailersOfRefusal, type Refusal } from "./refusal.js";
import type { StalledCalls, Stallable } from "./stalled.js";

/** How long a call may dawdle when the upstream is draining: unread calls keep that server from exiting. */
const DRAIN_PATIENCE_MS = 500;
/** How long a call may be left unread when the gateway closes. */
const CLOSING_PATIENCE_MS = 2_000;
/**
 * What is read on for a page that does not read, to complete its open envelope. From a draining server no more than what
 * a call's window has let through already: it cannot exit before it has sent the rest.
 */
const MAX_REST_BYTES = { stalled: 1024 * 1024, drain: 256 * 1024 } as const;
const MAX_REST_MS = { stalled: 1_000, drain: 200 } as const;
/** For calls of an upstream that cuts them short while it drains; what it has sent already may still arrive. */
const CUT_PATIENCE_MS = 50;

/** What a {@link Relay} needs beside its two ends. */
export interface RelayOptions {
  readonly answer: Answer;
  readonly stalled: StalledCalls;
  readonly address: string;
  readonly stallMs: number;
  /** Whether a repeat of the call changes nothing, so that a lost one was as good as not made. */
  readonly repeatable: boolean;
  /** Whether the upstream cuts calls short when it drains, and says that they ended well: then they are ended before it does. */
  readonly cutsOnDrain: boolean;
  /** What a page gets of what the upstream says at the end. */
  readonly trailers: (trailers: HeaderFields) => HeaderFields;
  /** The upstream takes request bytes again. */
  readonly writable: () => void;
  /** The answer was ended, by the upstream or early. Not called after `leave`. */
  readonly done: () => void;
}

/** Moves the bytes of one call from the upstream to the page, no faster than the page reads. */
export class Relay implements UpstreamEvents, Stallable {
  readonly #options: RelayOptions;
  readonly upstream: Pick<Upstream, "open">;
  readonly #call: UpstreamCall;
  #blocked = false;
  #upstreamDrains = false;
  #gatewayCloses = false;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(upstream: Pick<Upstream, "open">, request: UpstreamRequest, options: RelayOptions) {
    this.#options = options;
    this.upstream = upstream;
    this.#call = upstream.open(request, this);
  }

  get address(): string {
    return this.#options.address;
  }

  /** Whether the upstream may have seen the call. */
  get sent(): boolean {
    return this.#call.sent;
  }

  get patienceMs(): number {
    if (this.#over) return Infinity;
    if (this.#upstreamDrains) return DRAIN_PATIENCE_MS;
    return this.#gatewayCloses ? Math.min(CLOSING_PATIENCE_MS, this.#options.stallMs) : this.#options.stallMs;
  }

  write(bytes: Uint8Array): boolean {
    return this.#call.write(bytes);
  }

  endRequest(bytes?: Uint8Array): void {
    this.#call.end(bytes);
  }

  headers(headers: HeaderFields): void {
    this.#options.answer.metadata(headers);
    this.#options.answer.flush();
  }

  data(bytes: Uint8Array): void {
    const { answer, stalled } = this.#options;
    if (!answer.write(bytes)) {
      this.#blocked = true;
      this.#call.pause();
      stalled.blocked(this);
    }
    if (answer.ended) this.#finish();
  }

  end(trailers: HeaderFields): void {
    this.#options.answer.end(this.#options.trailers(trailers));
    this.#finish();
  }

  fail({ error, sent }: UpstreamFailure): void {
    this.#options.answer.end(trailersOfRefusal(refusalOfLoss(error, appliedOf(sent, this.#options.repeatable))));
    this.#finish();
  }

  writable(): void {
    this.#options.writable();
  }

  goaway(): void {
    if (this.#upstreamDrains) return;
    this.#upstreamDrains = true;
    this.#options.stalled.upstreamDrains(this.upstream);
    if (!this.#options.cutsOnDrain || this.#over) return;
    if (this.#blocked) this.endEarly("drain");
    else this.#drainTimer = setTimeout(() => this.endEarly("drain"), CUT_PATIENCE_MS);
  }

  /** The page reads again. */
  resumed(): void {
    this.#options.answer.resumed();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#options.stalled.flowing(this);
    if (!this.#over) this.#call.resume();
  }

  /** Ends the call: at once when already over (its response is unread still), else so that the caller can resume. */
  giveUp(): void {
    if (this.#over) return this.gone();
    this.endEarly(this.#upstreamDrains || this.#gatewayCloses ? "drain" : "stalled");
  }

  /** The gateway closes: the call may end by itself as long as its page reads. */
  hurry(): void {
    this.#gatewayCloses = true;
  }

  /** Ends the call with a status from which the caller resumes, once the envelope that is under way is complete. */
  endEarly(reason: "drain" | "stalled"): void {
    const { answer } = this.#options;
    if (this.#over || this.#restTimer !== undefined) return;
    answer.endAtBoundary(trailersOfRefusal(earlyEnd(reason, appliedOf(this.sent, this.#options.repeatable))));
    if (answer.ended) return this.#finish();
    if (this.#blocked && answer.missing > MAX_REST_BYTES[reason]) return this.#breakOff();
    this.#restTimer = setTimeout(() => this.#breakOff(), MAX_REST_MS[reason]);
    this.#call.resume();
  }

  /** Leaves the upstream; the answer is its owner's business. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#drainTimer);
    clearTimeout(this.#restTimer);
    this.#call.leave();
  }

  /** The page has read all of the response. */
  finished(): void {
    this.#options.stalled.flowing(this);
  }

  /** The page is gone, or given up: nothing of the call is kept. */
  gone(): void {
    this.#options.stalled.flowing(this);
    this.#options.answer.discard();
    this.leave();
  }

  #breakOff(): void {
    this.#options.answer.breakOff();
    this.#finish();
  }

  /** The answer has ended. It may be unread still, so the watch over pages that do not read keeps it. */
  #finish(): void {
    if (this.#over) return;
    this.leave();
    this.#options.done();
  }
}

function earlyEnd(reason: "drain" | "stalled", applied: Applied): Refusal {
  const message = reason === "drain" ? "The server is shutting down: connect again" : "The response was left unread for too long";
  return { status: status.unavailable, message, applied, reason };
}
