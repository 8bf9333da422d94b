const DONE = { done: true, value: undefined } as const;

/** What an iteration takes from: the next value, or `undefined` at the end; what is at hand comes without a promise. */
type Take<T> = () => T | undefined | Promise<T | undefined>;

/**
 * Makes a function that makes iterations over one source: however many there are, their `next()` take one after the other.
 *
 * Iterator objects and no async generators: those cost more than twice as much an item, and their `return()` waits for
 * a pending `next()`. Here it does not: it calls `leave`, and the iteration has ended.
 */
export function iterations(): <T>(take: Take<T>, leave: () => unknown) => AsyncIterableIterator<T, undefined> {
  /** The last `next()` that has to wait; later ones queue behind it. */
  let waiting: Promise<unknown> | undefined;
  return <T>(take: Take<T>, leave: () => unknown) => {
    let left = false;
    const takeUnlessLeft: Take<T> = () => (left ? undefined : take());
    return {
      [Symbol.asyncIterator]() { return this; },
      next() {
        const taken = waiting === undefined ? takeUnlessLeft() : waiting.then(takeUnlessLeft, takeUnlessLeft);
        if (!(taken instanceof Promise)) return Promise.resolve(resultOf(taken));
        const turn = taken.then(resultOf);
        const free = (): void => { if (waiting === turn) waiting = undefined; };
        waiting = turn;
        turn.then(free, free);
        return turn;
      },
      async return() {
        left = true;
        await leave();
        return DONE;
      },
    };
  };
}

function resultOf<T>(value: T | undefined): IteratorResult<T, undefined> {
  return value === undefined ? DONE : { done: false, value };
}
