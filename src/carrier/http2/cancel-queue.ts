/**
 * A stream without response headers is not reset sooner than this many milliseconds after its request left. A busy server
 * accepts streams late, and answers most of them within this time: then the reset follows the headers and counts for nothing.
 */
const LEAST_AGE_MS = 40;

/** Milliseconds between two resets of streams without response headers: 50 a second. */
const PAUSE_MS = 20;

/** A call that waits for its reset. */
export interface Abandoned {
  /** When its request left, on the clock of `performance.now()`. */
  readonly sentAt: number;
  reset(): void;
}

/**
 * Resets one session's abandoned calls no faster than its server bears: streams that are reset before they were
 * accepted count as an attack, and twenty of them at once cost every stream of the session.
 */
export class CancelQueue {
  readonly #waiting = new Set<Abandoned>();
  #timer: NodeJS.Timeout | undefined;
  #nextAt = 0;

  /** Resets the call when its turn comes. */
  add(call: Abandoned): void {
    this.#waiting.add(call);
    this.#arm();
  }

  /** Forgets the call: it has ended, or was reset because its headers came. */
  delete(call: Abandoned): void {
    this.#waiting.delete(call);
    if (this.#waiting.size === 0) this.stop();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#timer !== undefined) return;
    const at = Math.max(this.#nextAt, first.sentAt + LEAST_AGE_MS);
    this.#timer = setTimeout(() => this.#due(first), Math.max(1, Math.ceil(at - performance.now())));
  }

  #due(call: Abandoned): void {
    this.#timer = undefined;
    // Its headers may have come meanwhile, and another call be the first.
    if (this.#waiting.delete(call)) {
      this.#nextAt = performance.now() + PAUSE_MS;
      call.reset();
    }
    this.#arm();
  }
}
