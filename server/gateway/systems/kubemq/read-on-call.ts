import type { UpstreamCall, UpstreamEvents, UpstreamFailure } from "millrace/internal/carrier/http2/upstream";
import { MillraceError } from "millrace/internal/core/errors";
import { EnvelopeCounter } from "../../envelope-counter.js";
import type { HeaderFields } from "../../exchange.js";

/** What a subscription may hold for a page that does not read. */
export interface ReadOnBounds {
  readonly messages: number;
  readonly bytes: number;
}

/** Bounds that a page which reads at all does not meet. */
export const READ_ON_BOUNDS: ReadOnBounds = { messages: 10_000, bytes: 16 * 1024 * 1024 };

type Headers = Parameters<UpstreamEvents["headers"]>[0];
type Bytes = Parameters<UpstreamEvents["data"]>[0];

/**
 * A subscription that is read on while its page is not reading: a broker whose subscriber dawdles drops messages, stored
 * ones too, and says nothing. Beyond the bounds the call is ended with `slow-consumer`, behind all that was held.
 */
export class ReadOnCall implements UpstreamCall, UpstreamEvents {
  readonly #call: UpstreamCall;
  readonly #events: UpstreamEvents;
  readonly #bounds: ReadOnBounds;
  readonly #counter = new EnvelopeCounter();
  #held: { readonly bytes: Bytes; readonly messages: number }[] = [];
  #heldBytes = 0;
  #heldMessages = 0;
  #paused = false;
  #overflowed = false;
  #over = false;
  /** How the call ended while something was held. */
  #ending: (() => void) | undefined;

  /** @param open Opens the call; its events are this object's. */
  constructor(open: (events: UpstreamEvents) => UpstreamCall, events: UpstreamEvents, bounds: ReadOnBounds) {
    this.#events = events;
    this.#bounds = bounds;
    this.#call = open(this);
  }

  get sent(): boolean {
    return this.#call.sent;
  }

  write(bytes: Uint8Array): boolean {
    return this.#call.write(bytes);
  }

  end(bytesOrTrailers?: Uint8Array | HeaderFields): void {
    if (bytesOrTrailers === undefined || bytesOrTrailers instanceof Uint8Array) return this.#call.end(bytesOrTrailers);
    this.#endWith(() => this.#events.end(bytesOrTrailers as Headers));
  }

  /** The page does not read; the broker is not to feel it. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && !this.#over) {
      const piece = this.#held.shift();
      if (piece === undefined) return this.#ending?.();
      this.#heldBytes -= piece.bytes.length;
      this.#heldMessages -= piece.messages;
      this.#events.data(piece.bytes);
    }
  }

  leave(): void {
    this.#over = true;
    this.#held = [];
    this.#call.leave();
  }

  headers(headers: Headers): void {
    this.#events.headers(headers);
  }

  data(bytes: Bytes): void {
    if (this.#overflowed) return this.#rest(bytes);
    const before = this.#counter.completed;
    this.#counter.count(bytes);
    if (!this.#paused) return this.#events.data(bytes);
    const messages = this.#counter.completed - before;
    this.#held.push({ bytes, messages });
    this.#heldBytes += bytes.length;
    this.#heldMessages += messages;
    if (this.#heldBytes > this.#bounds.bytes || this.#heldMessages > this.#bounds.messages) this.#overflow();
  }

  fail(failure: UpstreamFailure): void {
    this.#endWith(() => this.#events.fail(failure));
  }

  writable(): void {
    this.#events.writable();
  }

  goaway(): void {
    this.#events.goaway?.();
  }

  #endWith(end: () => void): void {
    if (this.#held.length === 0) return end();
    this.#ending = end;
  }

  /** What is held came before the end, so it goes out whether the page reads or not. */
  #overflow(): void {
    this.#overflowed = true;
    const held = this.#held;
    this.#held = [];
    for (const { bytes } of held) this.#events.data(bytes);
    if (this.#counter.atBoundary) this.#tooSlow();
  }

  #rest(bytes: Bytes): void {
    this.#events.data(bytes.subarray(0, this.#counter.countToBoundary(bytes)));
    if (this.#counter.atBoundary) this.#tooSlow();
  }

  #tooSlow(): void {
    if (this.#over) return;
    const { messages, bytes } = this.#bounds;
    const error = new MillraceError("unavailable", `The response was read too slowly: more than ${messages} messages or ${bytes} bytes waited`, { reason: "slow-consumer" });
    this.#events.fail({ error, sent: true, answered: true });
  }
}
