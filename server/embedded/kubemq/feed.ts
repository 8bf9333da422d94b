import { onAbort } from "millrace/internal/core/signal";

/** What waits for one reader; ends with its signal. */
export class Feed<T> {
  readonly #waiting: T[] = [];
  #wake: () => void = () => undefined;

  push(item: T): void {
    this.#waiting.push(item);
    this.#wake();
  }

  async *read(signal: AbortSignal): AsyncGenerator<T> {
    const stop = onAbort(signal, () => this.#wake());
    try {
      while (!signal.aborted) {
        const item = this.#waiting.shift();
        if (item !== undefined) yield item;
        else await new Promise<void>((resolve) => { this.#wake = resolve; });
      }
    } finally {
      stop();
    }
  }
}
