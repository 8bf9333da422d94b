/** How many things a second, as a mean over a sliding window. */
export class RateMeter {
  readonly #windowMs: number;
  #counts: { at: number; count: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** `count` things happened at `now`, in milliseconds. */
  add(count: number, now: number): void {
    const last = this.#counts[this.#counts.length - 1];
    if (last !== undefined && now - last.at < this.#windowMs / 100) last.count += count;
    else this.#counts.push({ at: now, count });
    this.#drop(now);
  }

  perSecond(now: number): number {
    this.#drop(now);
    return this.#counts.reduce((sum, { count }) => sum + count, 0) / (this.#windowMs / 1_000);
  }

  #drop(now: number): void {
    while (this.#counts[0] !== undefined && now - this.#counts[0].at >= this.#windowMs) this.#counts.shift();
  }
}
