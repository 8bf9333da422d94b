/** A call is not reset sooner than this many milliseconds after its request left: most have response headers by then, and need no turn. */
const LEAST_AGE_MS = 20;

/** Resets between two answered PINGs. A server in Rust's h2 bears twenty that it has not worked through: two rounds of these. */
const MOST_AT_ONCE = 10;

/** Where no PING is sent: the least age in milliseconds, and the time between two resets, 50 a second. */
const UNPROVEN_AGE_MS = 40;
const UNPROVEN_PAUSE_MS = 20;

/** A call that waits for its reset. */
export interface Abandoned {
  /** When its request left, on the clock of `performance.now()`. */
  readonly sentAt: number;
  reset(): void;
}

/**
 * Resets one session's abandoned calls that have no response headers yet, no faster than its server bears. Streams that
 * are reset before the server came to accept them count as an attack, and twenty of them cost every stream of the
 * session. How long a busy server takes for that no clock can tell, but an answered PING does: what was sent before it
 * has been read. So a call is reset only after a PING that followed its request was answered, and few at a time.
 */
export class CancelQueue {
  readonly #ping: ((pong: () => void) => void) | undefined;
  readonly #waiting = new Set<Abandoned>();
  #timer: NodeJS.Timeout | undefined;
  /** The PING that is unanswered. */
  #asked: symbol | undefined;
  #notBefore = 0;

  /** @param ping Sends a PING and calls back when it is answered; left out for servers that must not be asked, who get few resets a second. */
  constructor(ping: ((pong: () => void) => void) | undefined) {
    this.#ping = ping;
  }

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
    this.#asked = undefined;
    this.#waiting.clear();
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#timer !== undefined || this.#asked !== undefined) return;
    const leastAge = this.#ping === undefined ? UNPROVEN_AGE_MS : LEAST_AGE_MS;
    const at = Math.max(this.#notBefore, first.sentAt + leastAge);
    // A timer may fire a millisecond early, and its PING would prove nothing of the call that it is for.
    this.#timer = setTimeout(() => this.#due(), Math.max(1, Math.ceil(at - performance.now()) + 1));
  }

  #due(): void {
    this.#timer = undefined;
    const now = performance.now();
    if (this.#ping !== undefined) return this.#ask(this.#ping, now - LEAST_AGE_MS);
    this.#notBefore = now + UNPROVEN_PAUSE_MS;
    this.#reset(1, now - UNPROVEN_AGE_MS);
  }

  #ask(ping: (pong: () => void) => void, sentUntil: number): void {
    const asked = Symbol("ping");
    this.#asked = asked;
    ping(() => {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      this.#reset(MOST_AT_ONCE, sentUntil);
    });
  }

  #reset(most: number, sentUntil: number): void {
    let left = most;
    for (const call of this.#waiting) {
      if (left === 0 || call.sentAt > sentUntil) break;
      left -= 1;
      this.#waiting.delete(call);
      call.reset();
    }
    this.#arm();
  }
}
