/** Counts things held by each of many owners, and forgets owners that hold nothing. */
export class Tally<Owner> {
  readonly #held = new Map<Owner, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  of(owner: Owner): number {
    return this.#held.get(owner) ?? 0;
  }

  add(owner: Owner, amount: number): void {
    const held = this.of(owner) + amount;
    this.#total += amount;
    if (held === 0) this.#held.delete(owner);
    else this.#held.set(owner, held);
  }
}
