const MIN_MS = 1_000;
const MAX_MS = 60_000;

/**
 * The period that a caller's `millrace-heartbeat-ms` asks for, in milliseconds, kept between 1 s and 60 s.
 *
 * @returns `undefined` when none is asked for.
 */
export function heartbeatPeriod(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(MAX_MS, Math.max(MIN_MS, Number(header)));
}

/** Calls `beat` whenever nothing was noted for `periodMs`. */
export class Heartbeat {
  readonly #periodMs: number;
  readonly #beat: () => void;
  #timer: ReturnType<typeof setTimeout>;
  #lastMs = Date.now();

  constructor(periodMs: number, beat: () => void) {
    this.#periodMs = periodMs;
    this.#beat = beat;
    this.#timer = setTimeout(() => this.#due(), periodMs);
  }

  /** Something was sent. Cheap: the timer looks at the time when it fires. */
  note(): void {
    this.#lastMs = Date.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #due(): void {
    const quietMs = Date.now() - this.#lastMs;
    const due = quietMs >= this.#periodMs || quietMs < 0;
    if (due) {
      this.note();
      this.#beat();
    }
    this.#timer = setTimeout(() => this.#due(), due ? this.#periodMs : this.#periodMs - quietMs);
  }
}
