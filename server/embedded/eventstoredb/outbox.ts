import { onAbort } from "millrace/internal/core/signal";

/** Answers that are made in one place and sent from another, until one of the two ends. */
export class Outbox {
  readonly #signal: AbortSignal;
  readonly #order: ((answers: Uint8Array[]) => Uint8Array[]) | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #stop: () => void;
  #answers: Uint8Array[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param order Reorders what waits to be sent together. */
  constructor(signal: AbortSignal, order?: (answers: Uint8Array[]) => Uint8Array[]) {
    this.#signal = signal;
    this.#order = order;
    this.#stop = onAbort(signal, () => this.#wake());
  }

  /** How many answers wait to be sent. */
  get size(): number {
    return this.#answers.length;
  }

  push(answer: Uint8Array): void {
    this.#answers.push(answer);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends with an error, after what waits. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.end();
  }

  /** Resolves at the next change on either side. */
  changed(): Promise<void> {
    return new Promise((resolve) => { this.#waiting.add(resolve); });
  }

  /** What is pushed, until the end or until the call is left. To be iterated once. */
  async *items(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.#signal.aborted) return;
        if (this.#answers.length === 0) {
          if (this.#failure !== undefined) throw this.#failure.error;
          if (this.#ended) return;
          await this.changed();
          // Answers that are ready in one turn leave together, so that an order can be given to them.
          if (this.#order !== undefined) await new Promise((resolve) => { setTimeout(resolve, 0); });
          continue;
        }
        const answers = this.#answers;
        this.#answers = [];
        for (const answer of this.#order?.(answers) ?? answers) {
          yield answer;
          this.#wake();
        }
      }
    } finally {
      this.#stop();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
