import { describe, expect, it, vi } from "vitest";
import { deferred } from "millrace/internal/core/deferred";
import { inTurn } from "millrace/internal/core/in-turn";
import { iterations } from "millrace/internal/core/iterations";

describe("iterations()", () => {
  it("gives what is taken, in order, and nothing after the end", async () => {
    const items = [1, 2];
    const iteration = iterations()(() => items.shift(), () => {});
    const taken: number[] = [];
    for await (const item of iteration) taken.push(item);
    expect([taken, await iteration.next()]).toEqual([[1, 2], { done: true, value: undefined }]);
  });

  it("takes one after the other when `next()` is called before the last has come, also across iterations", async () => {
    const first = deferred<number>();
    const asked = vi.fn().mockReturnValueOnce(first.promise).mockReturnValueOnce(2).mockReturnValueOnce(3);
    const iterate = iterations();
    const [a, b] = [iterate(asked as () => number, () => {}), iterate(asked as () => number, () => {})];
    const nexts = [a.next(), b.next(), a.next()];
    expect(asked).toHaveBeenCalledOnce();
    first.resolve(1);
    expect((await Promise.all(nexts)).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  it("rejects only the `next()` that failed", async () => {
    const answers = [async () => { throw new Error("cut"); }, async () => 2];
    const iteration = iterations()(() => answers.shift()?.(), () => {});
    const [failed, second] = [iteration.next(), iteration.next()];
    await expect(failed).rejects.toThrow("cut");
    expect(await second).toEqual({ done: false, value: 2 });
  });

  it("frees its source when its loop is left, without waiting for a pending `next()`", async () => {
    const leave = vi.fn();
    const take = vi.fn(() => new Promise<number>(() => {}));
    const iteration = iterations()(take, leave);
    void iteration.next();
    expect(await iteration.return?.()).toEqual({ done: true, value: undefined });
    expect(leave).toHaveBeenCalledOnce();
  });

  it("takes nothing more after it was left, while another goes on", async () => {
    const take = vi.fn(() => 1);
    const iterate = iterations();
    const [left, other] = [iterate(take, () => {}), iterate(take, () => {})];
    await left.return?.();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    expect(take).not.toHaveBeenCalled();
    expect(await other.next()).toEqual({ done: false, value: 1 });
  });
});

describe("inTurn()", () => {
  it("begins what it is given when the one before has ended, however that ended", async () => {
    const turn = inTurn();
    const first = deferred<never>();
    const second = vi.fn(async () => 2);
    const failed = turn(() => first.promise);
    const answer = turn(second);
    await Promise.resolve();
    expect(second).not.toHaveBeenCalled();
    first.reject(new Error("cut"));
    await expect(failed).rejects.toThrow("cut");
    expect(await answer).toBe(2);
  });
});

describe("deferred()", () => {
  it("settles as it is told, and its rejection needs no handler", async () => {
    const [good, bad] = [deferred<number>(), deferred<number>()];
    bad.reject("no");
    good.resolve(1);
    expect(await good.promise).toBe(1);
    await expect(bad.promise).rejects.toBe("no");
  });
});
