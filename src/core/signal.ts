/** A signal of one's own that follows others. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts it, unless it is aborted already: the first reason stays. */
  abort(reason: unknown): void;
  /** Stops following. Must be called on every way out, since a parent may live as long as the page. Idempotent. */
  release(): void;
}

/**
 * One end that any number of calls wait for, such as that of their client. A signal would do, but platforms take eleven
 * listeners on one for a leak and say so on the console.
 */
export class Ending {
  readonly #listeners = new Set<(reason: unknown) => void>();
  readonly #unheard: () => void;
  #reason: Error | undefined;

  /** @param unheard Called when the last listener has left. */
  constructor(unheard: () => void = nothing) {
    this.#unheard = unheard;
  }

  /** The reason it ended with; `undefined` while it has not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Calls `listener` once with the reason, at once when it has ended already. @returns Stops listening. */
  listen(listener: (reason: unknown) => void): () => void {
    const listeners = this.#listeners;
    if (this.#reason !== undefined) listener(this.#reason);
    else listeners.add(listener);
    return () => { if (listeners.delete(listener) && listeners.size === 0) this.#unheard(); };
  }

  /** Ends it; the first reason stays. */
  end(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }
}

function nothing(): void {}

/** Makes a signal that is aborted with the reason of the first of `parents` that is. */
export function linkSignals(...parents: readonly (AbortSignal | Ending | undefined)[]): LinkedSignal {
  const own = new AbortController();
  const undo: (() => void)[] = [];
  const release = (): void => { for (const un of undo.splice(0)) un(); };
  const abort = (reason: unknown): void => {
    release();
    if (!own.signal.aborted) own.abort(reason);
  };
  for (const parent of parents) {
    if (parent === undefined || own.signal.aborted) continue;
    undo.push(parent instanceof Ending ? parent.listen(abort) : onAbort(parent, abort));
  }
  return { signal: own.signal, abort, release };
}

/** The one listener that a signal has, whoever waits for it: a caller may give the same signal to hundreds of calls. */
const heard = /* @__PURE__ */ new WeakMap<AbortSignal, Ending>();

/** Calls `listener` once with the reason, at once when `signal` is aborted already. @returns Stops listening. */
export function onAbort(signal: AbortSignal, listener: (reason: unknown) => void): () => void {
  if (!signal.aborted) return (heard.get(signal) ?? hear(signal)).listen(listener);
  listener(signal.reason);
  return nothing;
}

function hear(signal: AbortSignal): Ending {
  const ended = (): void => ending.end(signal.reason as Error);
  const ending = new Ending(() => {
    signal.removeEventListener("abort", ended);
    heard.delete(signal);
  });
  signal.addEventListener("abort", ended, { once: true });
  heard.set(signal, ending);
  return ending;
}

/** Calls `fire` after `ms`; `undefined` and 0 mean never. @returns Stops it; idempotent. */
export function startTimer(ms: number | undefined, fire: () => void): () => void {
  if (ms === undefined || ms <= 0) return nothing;
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
}

/**
 * What `work` comes to, or the reason of `signal` as soon as that is aborted. `work` itself goes on; what it comes to
 * then is dropped.
 */
export function abortable<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  let stop = nothing;
  const ended = new Promise<never>((_, reject) => { stop = onAbort(signal, reject); });
  return Promise.race([ended, work]).finally(() => stop());
}
