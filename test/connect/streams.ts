/** Messages that a test hands out one by one, and that know who asked for them. */
export interface Queue<T> extends AsyncIterable<T> {
  push(item: T): void;
  end(): void;
  /** Resolves when somebody has asked for the n-th item. */
  asked(n: number): Promise<void>;
  /** Resolves when whoever took items said that no more are wanted. */
  readonly left: Promise<void>;
}

export function queue<T>(): Queue<T> {
  const items: T[] = [];
  let ended = false;
  let asked = 0;
  let leave: () => void = () => {};
  const left = new Promise<void>((resolve) => { leave = resolve; });
  const waiting = new Set<() => void>();
  const wait = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((go) => waiting.add(go));
  };
  const changed = (): void => {
    for (const go of waiting) go();
    waiting.clear();
  };
  const iterator: AsyncIterator<T, undefined> = {
    async next() {
      asked++;
      changed();
      await wait(() => ended || items.length > 0);
      return items.length > 0 ? { done: false, value: items.shift() as T } : { done: true, value: undefined };
    },
    async return() {
      ended = true;
      leave();
      changed();
      return { done: true, value: undefined };
    },
  };
  return {
    push(item) { items.push(item); changed(); },
    end() { ended = true; changed(); },
    asked: (n) => wait(() => asked >= n),
    left,
    [Symbol.asyncIterator]: () => iterator,
  };
}

/** The items, one after the other, as a generator: stock transports want a `throw()`. */
export async function* each<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** The error that a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("Expected a rejection");
}

/** Waits for a condition, and says which one did not come. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
