import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { countDown } from "../../src/carrier/http2/observed-time.js";
import { PingWatch, type PingRules } from "../../src/carrier/http2/ping-watch.js";

/** How far the clock is ahead of the timers, in milliseconds. */
let aheadMs = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  aheadMs = 0;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + aheadMs);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** What timers see when the event loop was blocked: a late tick, once. */
function block(ms: number): void {
  aheadMs += ms;
  vi.advanceTimersToNextTimer();
}

function watchOf(rules: PingRules, proof = (): boolean => false) {
  const log: string[] = [];
  let answerPing: () => void = () => undefined;
  const watch = new PingWatch(rules, {
    ping: (pong) => { log.push("ping"); answerPing = pong; },
    proof,
    late: () => log.push("late"),
    dead: () => log.push("dead"),
  });
  return { watch, log, pong: () => answerPing(), get lastPong() { return answerPing; } };
}

const shared: PingRules = { firstMs: 2_000, everyMs: 2_000, deadMs: 5_000 };
const append: PingRules = { firstMs: 100, everyMs: 500, lateMs: 50, provenLateMs: 20, deadMs: 1_000, provenDeadMs: 150 };

describe("PingWatch", () => {
  it("asks after firstMs, then everyMs after each answer, and is content", () => {
    const { watch, log, pong } = watchOf(shared);
    watch.start();
    vi.advanceTimersByTime(1_999);
    expect(log).toEqual([]);
    for (let round = 1; round <= 10; round++) {
      vi.advanceTimersByTime(2_000);
      expect(log).toEqual(Array.from({ length: round }, () => "ping"));
      pong();
    }
  });

  it("says dead once, when a PING is unanswered for deadMs, and asks no more", () => {
    const { watch, log } = watchOf(shared);
    watch.start();
    vi.advanceTimersByTime(6_999);
    expect(log).toEqual(["ping"]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping", "dead"]);
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(["ping", "dead"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not impatient while the peer is heard otherwise", () => {
    const { watch, log } = watchOf(shared);
    watch.start();
    vi.advanceTimersByTime(2_000);
    for (let second = 0; second < 20; second++) {
      vi.advanceTimersByTime(1_000);
      watch.heard();
    }
    expect(log).toEqual(["ping"]);
    vi.advanceTimersByTime(5_000);
    expect(log).toEqual(["ping", "dead"]);
  });

  it("says late after lateMs and dead after deadMs", () => {
    const { watch, log } = watchOf(append);
    watch.start();
    vi.advanceTimersByTime(100);
    expect(log).toEqual(["ping"]);
    vi.advanceTimersByTime(50);
    expect(log).toEqual(["ping", "late"]);
    vi.advanceTimersByTime(949);
    expect(log).toEqual(["ping", "late"]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping", "late", "dead"]);
  });

  it("asks at once, is late after provenLateMs and dead after provenDeadMs when there is proof", () => {
    const { watch, log } = watchOf(append, () => true);
    watch.start();
    vi.advanceTimersByTime(10);
    expect(log).toEqual(["ping"]);
    vi.advanceTimersByTime(19);
    expect(log).toEqual(["ping"]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping", "late"]);
    vi.advanceTimersByTime(129);
    expect(log).toEqual(["ping", "late"]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping", "late", "dead"]);
  });

  it("takes the answer to a PING of an earlier start for none", () => {
    const watched = watchOf(shared);
    watched.watch.start();
    vi.advanceTimersByTime(2_000);
    const stale = watched.lastPong;
    watched.watch.stop();
    watched.watch.start();
    vi.advanceTimersByTime(2_000);
    stale();
    vi.advanceTimersByTime(5_000);
    expect(watched.log).toEqual(["ping", "ping", "dead"]);
  });

  it("counts a late tick of its own process for two at most", () => {
    const { watch, log, pong } = watchOf(shared);
    watch.start();
    vi.advanceTimersByTime(2_000);
    block(60_000);
    expect(log).toEqual(["ping"]);
    pong();
    vi.advanceTimersByTime(2_000);
    expect(log).toEqual(["ping", "ping"]);
  });
});

describe("countDown()", () => {
  it("ends once after its time, unless it was stopped", () => {
    const ended: string[] = [];
    countDown(100, () => ended.push("kept"));
    const stop = countDown(100, () => ended.push("stopped"));
    vi.advanceTimersByTime(99);
    stop();
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(ended).toEqual(["kept"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not end because its own process was busy", () => {
    let over = false;
    countDown(1_000, () => void (over = true));
    block(60_000);
    expect(over).toBe(false);
  });
});
