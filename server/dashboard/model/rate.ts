/** Counts arrivals in buckets of one second, for as many seconds as it was made for. */
export class Rate {
  readonly #buckets: number[];
  readonly #now: () => number;
  #second: number;

  /**
   * @param seconds How far back it looks.
   * @param now Milliseconds that never go back; `performance.now` in a page.
   */
  constructor(seconds: number, now: () => number) {
    this.#buckets = new Array<number>(seconds).fill(0);
    this.#now = now;
    this.#second = this.#currentSecond();
  }

  add(count: number): void {
    this.#advance();
    this.#buckets[this.#buckets.length - 1]! += count;
  }

  /** Arrivals per second, oldest first; the last one is the second that still runs. */
  history(): readonly number[] {
    this.#advance();
    return [...this.#buckets];
  }

  /** The mean of the last full seconds, per second. */
  mean(seconds: number): number {
    this.#advance();
    const full = this.#buckets.slice(-1 - seconds, -1);
    return full.reduce((sum, count) => sum + count, 0) / full.length;
  }

  #advance(): void {
    const passed = Math.min(this.#currentSecond() - this.#second, this.#buckets.length);
    for (let i = 0; i < passed; i++) {
      this.#buckets.shift();
      this.#buckets.push(0);
    }
    this.#second = this.#currentSecond();
  }

  #currentSecond(): number {
    return Math.floor(this.#now() / 1_000);
  }
}
