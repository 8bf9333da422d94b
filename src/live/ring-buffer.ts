/** Keeps the newest items, at most `capacity`. */
export class RingBuffer<Item> {
  readonly #capacity: number;
  #items: Item[] = [];
  #next = 0;
  #total = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many items were ever pushed. */
  get total(): number {
    return this.#total;
  }

  push(item: Item): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#total += 1;
  }

  /** A copy, oldest first. */
  toArray(): Item[] {
    if (this.#items.length < this.#capacity) return this.#items.slice();
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }
}
