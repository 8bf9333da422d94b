import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "millrace/internal/core/errors";
import { resuming, type ResumeClock, type Subscription } from "millrace/internal/core/subscription";
import { liveFeed, waitFor } from "millrace/internal/live/index";

interface Item { position: bigint; toObject(): { position: bigint; plain: true } }

const item = (position: bigint): Item => ({ position, toObject: () => ({ position, plain: true }) });
const clock: ResumeClock = { now: () => 0, random: () => 0, pause: () => new Promise(() => {}) };
const policy = { attempts: undefined, baseMs: 1, maxMs: 1, steadyMs: 1 };

/** A subscription that gives what is pushed. */
function pushed() {
  const waiting: ((batch: Item[] | Error) => void)[] = [];
  const batches: (Item[] | Error)[] = [];
  let opens = 0;
  const push = (batch: Item[] | Error): void => {
    const taker = waiting.shift();
    if (taker === undefined) batches.push(batch);
    else taker(batch);
  };
  const open = (signal: AbortSignal): Subscription<Item> => {
    opens += 1;
    return resuming<Item, bigint>({
      positionOf: ({ position }) => position,
      isFinal: () => true,
      open: async (after, inner) => ({ // one call, never lost
        after: after === "end" ? 0n : after,
        caughtUpAt: () => true,
        close: () => {},
        next: () => new Promise((resolve, reject) => {
          const take = (batch: Item[] | Error): void => (batch instanceof Error ? reject(batch) : resolve(batch));
          inner.onabort = () => reject(inner.reason as Error);
          const batch = batches.shift();
          if (batch === undefined) waiting.push(take);
          else take(batch);
        }),
      }),
    }, { after: undefined, policy, clock, signal });
  };
  return { open, push, opens: () => opens };
}

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

const frame = (): Promise<unknown> => vi.advanceTimersByTimeAsync(16);

describe("liveFeed()", () => {
  it("opens with the first listener, once, and tells at most once a frame", async () => {
    const { open, push, opens } = pushed();
    const feed = liveFeed(open);
    expect([opens(), feed.getSnapshot().state.kind]).toEqual([0, "connecting"]);
    const heard = vi.fn();
    feed.subscribe(heard);
    feed.subscribe(() => {});
    await frame();
    heard.mockClear();
    for (let i = 1n; i <= 50n; i++) push([item(i)]);
    await frame();
    expect(opens()).toBe(1);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(feed.getSnapshot()).toMatchObject({ total: 50, position: 50n, state: { kind: "live" }, error: undefined });
    await feed.close();
  });

  it("keeps the newest items as plain copies, oldest first", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open, { capacity: 3 });
    feed.subscribe(() => {});
    push([1n, 2n, 3n, 4n, 5n].map(item));
    await frame();
    expect(feed.getSnapshot().items).toEqual([3n, 4n, 5n].map((position) => ({ position, plain: true })));
    await feed.close();
  });

  it("gives the same snapshot until something changes", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open);
    feed.subscribe(() => {});
    await frame();
    const before = feed.getSnapshot();
    expect(feed.getSnapshot()).toBe(before);
    push([item(1n)]);
    await frame();
    expect(feed.getSnapshot()).not.toBe(before);
    expect(feed.getServerSnapshot()).toBe(feed.getServerSnapshot());
    await feed.close();
  });

  it("stops telling a listener that left", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open);
    const heard = vi.fn();
    feed.subscribe(heard)();
    push([item(1n)]);
    await frame();
    expect(heard).not.toHaveBeenCalled();
    await feed.close();
  });

  it("counts a rate over its window, which falls while nothing comes", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open, { rateWindowMs: 2_000 });
    feed.subscribe(() => {});
    push([1n, 2n, 3n, 4n].map(item));
    await frame();
    expect(feed.getSnapshot().rate).toBe(2);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(feed.getSnapshot().rate).toBe(0);
    await feed.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("holds still in a pause and goes on at its place", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open);
    feed.subscribe(() => {});
    await frame();
    feed.pause();
    push([item(1n)]);
    push([item(2n)]);
    await frame();
    expect(feed.getSnapshot().state.kind).toBe("paused");
    expect(feed.getSnapshot().total).toBeLessThan(2);
    feed.resume();
    await frame();
    expect(feed.getSnapshot()).toMatchObject({ total: 2, state: { kind: "live" } });
    await feed.close();
  });

  it("shows what ended it, and no error after close()", async () => {
    const failing = pushed();
    const feed = liveFeed(failing.open);
    feed.subscribe(() => {});
    const error = new MillraceError("permission_denied", "no");
    failing.push(error);
    await frame();
    expect(feed.getSnapshot()).toMatchObject({ error, state: { kind: "closed" } });
    const closed = liveFeed(pushed().open);
    closed.subscribe(() => {});
    await closed.close();
    await frame();
    expect(closed.getSnapshot()).toMatchObject({ error: undefined, state: { kind: "closed" } });
  });

  it.each([["capacity", 0], ["capacity", Number.NaN], ["rateWindowMs", -1], ["rateWindowMs", 1.5]])("refuses a %s of %s", (name, value) => {
    expect(() => liveFeed(pushed().open, { [name]: value })).toThrow(`\`${name}\` must be an integer from 1`);
  });
});

describe("waitFor()", () => {
  it("resolves when the position is taken, at once when it was", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open);
    const waiting = waitFor(feed, 2n);
    push([item(1n)]);
    await frame();
    push([item(2n)]);
    await frame();
    await waiting;
    await waitFor(feed, 1n);
    await feed.close();
  });

  it("rejects with `timeout` and says that the query must match", async () => {
    const { open } = pushed();
    const feed = liveFeed(open);
    const waiting = waitFor(feed, 9n, { timeoutMs: 100 });
    const rejected = expect(waiting).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining("query must match") as string });
    await vi.advanceTimersByTimeAsync(100);
    await rejected;
    await feed.close();
  });

  it("rejects with the caller's reason, or with what ended the feed", async () => {
    const { open, push } = pushed();
    const feed = liveFeed(open);
    const controller = new AbortController();
    const aborted = waitFor(feed, 9n, { signal: controller.signal });
    controller.abort("left");
    await expect(aborted).rejects.toBe("left");
    const failed = waitFor(feed, 9n);
    const error = new MillraceError("unauthenticated", "no");
    const rejected = expect(failed).rejects.toBe(error);
    push(error);
    await frame();
    await rejected;
  });
});
