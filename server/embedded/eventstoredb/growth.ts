import { onAbort } from "millrace/internal/core/signal";
import type { EventStore } from "./store.js";

/** Waits for the next write, without missing one that happens while its owner is busy. */
export class Growth {
  readonly #signal: AbortSignal;
  readonly #stops: readonly (() => void)[];
  #grew = false;
  #wake: (() => void) | undefined;

  constructor(store: Pick<EventStore, "onWrite">, signal: AbortSignal) {
    this.#signal = signal;
    const changed = (): void => {
      this.#grew = true;
      this.#wake?.();
    };
    this.#stops = [store.onWrite(changed), onAbort(signal, changed)];
  }

  /** What is written from here on counts. */
  watch(): void {
    this.#grew = false;
  }

  /** Resolves at the next write since {@link watch}; with `false` when the owner is to end. */
  async next(): Promise<boolean> {
    if (!this.#grew && !this.#signal.aborted) await new Promise<void>((resolve) => { this.#wake = resolve; });
    return !this.#signal.aborted;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
