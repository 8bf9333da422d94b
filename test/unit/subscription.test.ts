import { describe, expect, it } from "vitest";
import { MillraceError } from "millrace/internal/core/errors";
import type { ResumePolicy } from "millrace/internal/core/resume";
import { resuming, type FeedSource, type ResumeClock, type StartAfter } from "millrace/internal/core/subscription";

const policy: ResumePolicy = { attempts: undefined, baseMs: 250, maxMs: 30_000, steadyMs: 10_000 };
const lost = (): MillraceError => new MillraceError("unavailable", "cut");
const final = new MillraceError("permission_denied", "no");

/** What one opened call gives: batches, then an error, the server's end, or nothing for as long as it is open. */
interface Script { batches?: bigint[][]; then?: unknown; refuse?: unknown; head?: bigint }

/** A source that plays scripts in order, and keeps what it was asked. */
function scripted(...scripts: Script[]) {
  const asked: StartAfter<bigint>[] = [];
  let open = 0;
  const source: FeedSource<bigint, bigint> = {
    positionOf: (item) => item,
    isFinal: (error) => error === final,
    async open(after, signal) {
      asked.push(after);
      const script = scripts[Math.min(asked.length, scripts.length) - 1] as Script;
      if (script.refuse !== undefined) throw script.refuse;
      open += 1;
      const head = script.head ?? 0n;
      const batches = [...(script.batches ?? [])];
      return {
        after: after === "end" ? head : after,
        caughtUpAt: (position) => head <= (position ?? (after === "end" ? head : after ?? 0n)),
        next: async () => {
          const batch = batches.shift();
          if (batch !== undefined) return batch;
          if (script.then === "end") return undefined;
          if (script.then !== undefined) throw script.then;
          return new Promise((_resolve, reject) => { signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }); });
        },
        close: () => { open -= 1; },
      };
    },
  };
  return { source, asked, openCalls: () => open };
}

/** A clock whose pauses end when told to. */
function manualClock() {
  const pauses: number[] = [];
  const wakers: (() => void)[] = [];
  let now = 0;
  const clock: ResumeClock = {
    now: () => now,
    random: () => 1,
    pause: (ms, signal) => new Promise((resolve, reject) => {
      pauses.push(ms);
      wakers.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    }),
  };
  return { clock, pauses, wake: () => wakers.shift()?.(), advance: (ms: number) => { now += ms; } };
}

const instant: ResumeClock = { now: () => 0, random: () => 0, pause: async () => {} };

function open(source: FeedSource<bigint, bigint>, after: StartAfter<bigint> = undefined, clock = instant, signal?: AbortSignal) {
  return resuming(source, { after, policy, clock, signal });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setImmediate(resolve); });
}

async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
}

describe("resuming()", () => {
  it("opens nothing before the first next()", async () => {
    const { source, asked } = scripted({ batches: [[1n]] });
    const subscription = open(source);
    await Promise.resolve();
    expect(asked).toEqual([]);
    expect(await take(subscription, 1)).toEqual([1n]);
    expect(asked).toEqual([undefined]);
  });

  it("goes on after the last event that was handled, whatever ended the call", async () => {
    const { source, asked } = scripted(
      { batches: [[1n, 2n], [3n]], then: lost() }, { refuse: lost() }, { batches: [[4n]], then: "end" }, { batches: [[5n]] },
    );
    expect(await take(open(source), 5)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(asked).toEqual([undefined, 3n, 3n, 4n]);
  });

  it("hands out whole batches, and what is left of one that was begun", async () => {
    const { source } = scripted({ batches: [[1n, 2n, 3n], [4n, 5n]] });
    const subscription = open(source);
    expect(await take(subscription.values({ preventCancel: true }), 1)).toEqual([1n]);
    expect(await take(subscription.batches(), 2)).toEqual([[2n, 3n], [4n, 5n]]);
  });

  it("keeps its place for another iteration with `preventCancel`", async () => {
    const { source, asked, openCalls } = scripted({ batches: [[1n, 2n, 3n], [4n, 5n, 6n]] });
    const subscription = open(source);
    expect(await take(subscription.values({ preventCancel: true }), 3)).toEqual([1n, 2n, 3n]);
    expect(subscription.position).toBe(3n);
    expect(openCalls()).toBe(1);
    expect(await take(subscription, 3)).toEqual([4n, 5n, 6n]);
    expect([asked.length, openCalls()]).toEqual([1, 0]);
  });

  it("asks for the end once, and resumes from where that was", async () => {
    const { source, asked } = scripted({ head: 41n, then: lost() }, { head: 43n, batches: [[42n, 43n]] });
    const subscription = open(source, "end");
    await subscription.opened;
    expect(subscription.position).toBe(41n);
    expect(await take(subscription, 2)).toEqual([42n, 43n]);
    expect(asked).toEqual(["end", 41n]);
  });

  it("tells each state once: connecting, catching-up, live, waiting, closed", async () => {
    const { source } = scripted({ head: 2n, batches: [[1n], [2n], [3n]], then: lost() }, { head: 3n });
    const manual = manualClock();
    const subscription = open(source, undefined, manual.clock);
    const seen: string[] = [subscription.state.kind];
    subscription.onStateChange((state) => seen.push(state.kind));
    subscription.onStateChange(() => { throw new Error("a listener's own"); });
    const items = subscription.values();
    for (let i = 0; i < 3; i++) await items.next();
    const fourth = items.next();
    await until(() => manual.pauses.length === 1);
    expect(subscription.state).toMatchObject({ kind: "waiting", attempt: 1, retryAt: 250, cause: { message: "cut" } });
    manual.wake();
    await until(() => seen.at(-1) === "live");
    await subscription.close();
    expect(await fourth).toEqual({ done: true, value: undefined });
    expect(seen).toEqual(["connecting", "catching-up", "live", "waiting", "connecting", "catching-up", "live", "closed"]);
  });

  it("stops telling when asked to", async () => {
    const { source } = scripted({});
    const subscription = open(source);
    const seen: string[] = [];
    subscription.onStateChange((state) => seen.push(state.kind))();
    await subscription.opened;
    expect(seen).toEqual([]);
  });

  it("waits at least as long as the server asks", async () => {
    const { source } = scripted({ refuse: new MillraceError("resource_exhausted", "later", { retryAfterMs: 4_000 }) }, {});
    const manual = manualClock();
    const subscription = open(source, undefined, manual.clock);
    const { opened } = subscription;
    await until(() => manual.pauses.length === 1);
    expect(manual.pauses).toEqual([4_000]);
    manual.wake();
    await opened;
  });

  it("ends with an error that no retry can mend, and stays ended with it", async () => {
    const { source, openCalls } = scripted({ batches: [[1n]], then: final });
    const subscription = open(source);
    const items = subscription.values();
    expect((await items.next()).value).toBe(1n);
    await expect(items.next()).rejects.toBe(final);
    await expect(items.next()).rejects.toBe(final);
    expect(subscription.state).toEqual({ kind: "closed", cause: final });
    expect(openCalls()).toBe(0);
  });

  it("rejects with the caller's reason when the signal is aborted, also in a pause and before the first next()", async () => {
    const reason = new Error("the caller left");
    const manual = manualClock();
    const controller = new AbortController();
    const subscription = open(scripted({ refuse: lost() }).source, undefined, manual.clock, controller.signal);
    const next = subscription.values().next();
    await until(() => manual.pauses.length === 1);
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    await expect(open(scripted({}).source, undefined, instant, controller.signal).values().next()).rejects.toBe(reason);
  });

  it("close() ends a pending next() without an error, frees the call, and may be repeated", async () => {
    const { source, openCalls } = scripted({});
    const subscription = open(source);
    const next = subscription.values().next();
    await subscription.opened;
    await subscription.close();
    await subscription[Symbol.asyncDispose]();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(openCalls()).toBe(0);
    await expect(open(scripted({ refuse: final }).source).opened).rejects.toBe(final);
  });

  it("serves overlapping calls of next() in order", async () => {
    const items = open(scripted({ batches: [[1n, 2n], [3n]] }).source).values();
    const results = await Promise.all([items.next(), items.next(), items.next()]);
    expect(results.map((result) => result.value)).toEqual([1n, 2n, 3n]);
  });

  it("counts an event as handled only when its consumer comes back", async () => {
    const { source } = scripted({ batches: [[1n, 2n]] });
    const subscription = open(source, 0n);
    const items = subscription.values();
    await items.next();
    expect(subscription.position).toBe(0n);
    await items.next();
    expect(subscription.position).toBe(1n);
  });

  it("toReadableStream() takes nothing before it is asked, and ends with its source", async () => {
    const { source, asked } = scripted({ batches: [[1n, 2n]], then: final });
    const subscription = open(source, 0n);
    const reader = subscription.toReadableStream().getReader();
    await Promise.resolve();
    expect(asked).toEqual([]);
    expect([await reader.read(), await reader.read()]).toEqual([{ done: false, value: 1n }, { done: false, value: 2n }]);
    expect(subscription.position).toBe(1n);
    await expect(reader.read()).rejects.toBe(final);
  });

  it("toReadableStream() ends the subscription when it is cancelled, and ends when that is closed", async () => {
    const cancelled = scripted({ batches: [[1n]] });
    const first = open(cancelled.source);
    const reader = first.toReadableStream().getReader();
    await reader.read();
    await reader.cancel();
    expect([first.state.kind, cancelled.openCalls()]).toEqual(["closed", 0]);
    const second = open(scripted({}).source);
    const pending = second.toReadableStream().getReader().read();
    await second.opened;
    await second.close();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});
