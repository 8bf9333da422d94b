import { MillraceError } from "./errors.js";
import { linkSignals, onAbort, type LinkedSignal } from "./signal.js";

const DONE = { done: true, value: undefined } as const;

/** What gives the items: asked for one at a time, and not again after its end. */
type Source<T> = Pick<AsyncIterator<T, unknown>, "next">;

/**
 * An iteration that owns its source: leaving the loop frees it at once. Opens it at the first `next()`; can be run
 * through once. An iterator object and no async generator: those cost twice as much an item, and their `return()`
 * waits for a pending `next()`.
 *
 * @param open Makes the source, which ends when its signal is aborted. It is asked for one item at a time.
 * @param caller Aborting it rejects what is pending, and the next `next()`, with its reason.
 */
export function owned<T>(
  open: (signal: AbortSignal) => Source<T>,
  caller?: AbortSignal,
): AsyncIterableIterator<T> {
  return new Owned(open, caller);
}

class Owned<T> implements AsyncIterableIterator<T> {
  readonly #open: (signal: AbortSignal) => Source<T>;
  readonly #caller: AbortSignal | undefined;
  #source: Source<T> | undefined;
  #own: LinkedSignal | undefined;
  #over = false;
  /** The caller's abort, until a `next()` has told of it. */
  #aborted: { readonly reason: unknown } | undefined;
  #busy = false;
  readonly #queue: (() => void)[] = [];
  /** Settles the pending `next()` when the consumer leaves or aborts, whatever the source does. */
  #wake: (() => void) | undefined;

  constructor(open: (signal: AbortSignal) => Source<T>, caller: AbortSignal | undefined) {
    this.#open = open;
    this.#caller = caller;
  }

  [Symbol.asyncIterator](): this {
    if (this.#over && this.#aborted === undefined) {
      throw new MillraceError("invalid_argument", "This iteration has ended; it can be run through once");
    }
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#busy) return new Promise<void>((go) => this.#queue.push(go)).then(() => this.#take());
    this.#busy = true;
    return this.#take();
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#over = true;
    this.#aborted = undefined;
    this.#wake?.();
    this.#own?.abort(new MillraceError("unavailable", "The iteration was left"));
    return DONE;
  }

  #take(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        if (this.#wake !== wake) return;
        this.#wake = undefined;
        act();
        const go = this.#queue.shift();
        if (go === undefined) this.#busy = false;
        else go();
      };
      const end = (): void => {
        this.#finish();
        const aborted = this.#aborted;
        this.#aborted = undefined;
        if (aborted === undefined) resolve(DONE);
        else reject(aborted.reason);
      };
      const wake = (): void => settle(end);
      this.#wake = wake;
      this.#pull().then(
        (result) => settle(() => (result.done === true ? end() : resolve(result))),
        (error: unknown) => settle(() => {
          this.#finish();
          reject(error);
        }),
      );
    });
  }

  async #pull(): Promise<IteratorResult<T, unknown>> {
    if (!this.#over) this.#source ??= this.#start();
    return this.#over ? DONE : (this.#source as Source<T>).next();
  }

  #start(): Source<T> {
    const own = linkSignals(this.#caller);
    this.#own = own;
    onAbort(own.signal, (reason) => {
      if (this.#over) return;
      this.#over = true;
      this.#aborted = { reason };
      this.#wake?.();
    });
    return this.#over ? { next: async () => DONE } : this.#open(own.signal);
  }

  #finish(): void {
    this.#over = true;
    this.#own?.release();
  }
}
