import { describe, expect, it } from "vitest";
import { owned } from "millrace/internal/core/iterate";

/** A source that gives what it is fed, and remembers its signal. */
function fed<T>() {
  const items: T[] = [];
  const waiting: ((result: IteratorResult<T>) => void)[] = [];
  const seen = { opened: 0, asked: 0, signal: undefined as AbortSignal | undefined };
  const serve = (): void => {
    while (waiting.length > 0 && items.length > 0) waiting.shift()?.({ done: false, value: items.shift() as T });
  };
  return {
    seen,
    feed(...more: T[]) { items.push(...more); serve(); },
    open(signal: AbortSignal) {
      seen.opened++;
      seen.signal = signal;
      return { next: () => new Promise<IteratorResult<T>>((resolve) => { seen.asked++; waiting.push(resolve); serve(); }) };
    },
  };
}

const list = (...items: number[]) => () => {
  const iterator = items[Symbol.iterator]();
  return { next: async () => iterator.next() as IteratorResult<number, unknown> };
};

describe("owned()", () => {
  it("opens its source at the first next() and gives its items in order", async () => {
    const source = fed<number>();
    const iteration = owned((signal) => source.open(signal));
    expect(source.seen.opened).toBe(0);
    source.feed(1, 2);
    expect([await iteration.next(), await iteration.next(), source.seen.opened]).toEqual([{ done: false, value: 1 }, { done: false, value: 2 }, 1]);
  });

  it("frees the source when its loop is left", async () => {
    const source = fed<number>();
    source.feed(1, 2, 3);
    for await (const item of owned((signal) => source.open(signal))) if (item === 2) break;
    expect(source.seen.signal?.aborted).toBe(true);
  });

  it("does not wait for a pending next() when it is left, and that gives no more items", async () => {
    const source = fed<number>();
    const iteration = owned((signal) => source.open(signal));
    const pending = iteration.next();
    expect(await iteration.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    source.feed(1);
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
    expect(source.seen.signal?.aborted).toBe(true);
  });

  it("opens nothing when it is left before the first next()", async () => {
    const source = fed<number>();
    const iteration = owned((signal) => source.open(signal));
    await iteration.return?.();
    expect([await iteration.next(), source.seen.opened]).toEqual([{ done: true, value: undefined }, 0]);
  });

  it("asks the source for one item at a time and serves waiting calls in order", async () => {
    const source = fed<number>();
    const iteration = owned((signal) => source.open(signal));
    const pending = Promise.all([iteration.next(), iteration.next(), iteration.next()]);
    await new Promise((resolve) => { setTimeout(resolve); });
    expect(source.seen.asked).toBe(1);
    source.feed(1, 2, 3);
    expect((await pending).map((result) => result.value as number)).toEqual([1, 2, 3]);
  });

  it("serves all waiting calls when it is left", async () => {
    const source = fed<number>();
    const iteration = owned((signal) => source.open(signal));
    const pending = Promise.all([iteration.next(), iteration.next(), iteration.next()]);
    await iteration.return?.();
    expect((await pending).every((result) => result.done)).toBe(true);
  });

  it("rejects what is pending with exactly the caller's reason", async () => {
    const caller = new AbortController();
    const reason = { mine: true };
    const iteration = owned((signal) => fed<number>().open(signal), caller.signal);
    const pending = iteration.next();
    caller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
  });

  it("tells of an abort between two items at the next next(), once", async () => {
    const caller = new AbortController();
    const source = fed<number>();
    source.feed(1, 2);
    const iteration = owned((signal) => source.open(signal), caller.signal);
    await iteration.next();
    caller.abort("reason");
    await expect(iteration.next()).rejects.toBe("reason");
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
  });

  it("opens nothing when the caller has aborted already", async () => {
    const source = fed<number>();
    await expect(owned((signal) => source.open(signal), AbortSignal.abort("early")).next()).rejects.toBe("early");
    expect(source.seen.opened).toBe(0);
  });

  it("lets go of the caller's signal at its end, its error and when it is left", async () => {
    for (const way of ["end", "error", "left"]) {
      const caller = new AbortController();
      let listeners = 0;
      const { signal } = caller;
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
      signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
      const failing = () => ({ next: () => Promise.reject(new Error("source")) });
      const iteration = owned<number>(way === "error" ? failing : list(1), signal);
      const first = await iteration.next().catch((error: unknown) => String(error));
      if (way === "end") await iteration.next();
      if (way === "left") await iteration.return?.();
      expect([way, listeners]).toEqual([way, 0]);
      expect(first).toEqual(way === "error" ? "Error: source" : { done: false, value: 1 });
    }
  });

  it("passes on what opening throws", async () => {
    const iteration = owned<number>(() => { throw new TypeError("no"); });
    await expect(iteration.next()).rejects.toThrow("no");
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
  });

  it("can be run through once", async () => {
    const iteration = owned(list(1, 2));
    const items: number[] = [];
    for await (const item of iteration) items.push(item);
    expect(items).toEqual([1, 2]);
    expect(() => iteration[Symbol.asyncIterator]()).toThrow("can be run through once");
  });
});
