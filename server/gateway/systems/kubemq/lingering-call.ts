import { MAX_TIMER_MS } from "millrace/internal/core/arguments";
import type { UpstreamCall, UpstreamEvents, UpstreamFailure } from "millrace/internal/carrier/http2/upstream";
import type { HeaderFields } from "../../exchange.js";
import type { Debts } from "./debts.js";

type Headers = Parameters<UpstreamEvents["headers"]>[0];
type Bytes = Parameters<UpstreamEvents["data"]>[0];

/** A call that outlives its owner until the broker owes it no answer; only then is it cancelled. */
export class LingeringCall implements UpstreamCall, UpstreamEvents {
  readonly #call: UpstreamCall;
  readonly #events: UpstreamEvents;
  readonly #debts: Debts;
  readonly #over: (call: LingeringCall) => void;
  #left = false;
  #patience: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param open Opens the call; its events are this object's.
   * @param over Called once when nothing more is to come, or the call was cancelled.
   */
  constructor(open: (events: UpstreamEvents) => UpstreamCall, events: UpstreamEvents, debts: Debts, over: (call: LingeringCall) => void) {
    this.#events = events;
    this.#debts = debts;
    this.#over = over;
    this.#call = open(this);
  }

  get sent(): boolean {
    return this.#call.sent;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#left) return true;
    this.#debts.asked(bytes);
    return this.#call.write(bytes);
  }

  end(bytesOrTrailers?: Uint8Array | HeaderFields): void {
    if (bytesOrTrailers === undefined || bytesOrTrailers instanceof Uint8Array) {
      if (bytesOrTrailers !== undefined) this.#debts.asked(bytesOrTrailers);
      return this.#call.end(bytesOrTrailers);
    }
    this.#finish();
    if (!this.#left) this.#events.end(bytesOrTrailers as Headers);
  }

  pause(): void {
    if (!this.#left) this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    if (!this.#debts.owed || !this.#call.sent) return this.#cancel();
    this.#patience = setTimeout(() => this.#cancel(), Math.min(this.#debts.patienceMs, MAX_TIMER_MS));
    this.#call.resume();
  }

  headers(headers: Headers): void {
    if (!this.#left) this.#events.headers(headers);
  }

  data(bytes: Bytes): void {
    this.#debts.answered(bytes);
    if (!this.#left) this.#events.data(bytes);
    else if (!this.#debts.owed) this.#cancel();
  }

  fail(failure: UpstreamFailure): void {
    this.#finish();
    if (!this.#left) this.#events.fail(failure);
  }

  writable(): void {
    if (!this.#left) this.#events.writable();
  }

  goaway(): void {
    if (!this.#left) this.#events.goaway?.();
  }

  #cancel(): void {
    this.#finish();
    this.#call.leave();
  }

  #finish(): void {
    clearTimeout(this.#patience);
    this.#over(this);
  }
}
