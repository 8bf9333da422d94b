import { afterEach, describe, expect, it, vi } from "vitest";
import { StalledCalls, type Stallable } from "../../server/gateway/stalled.js";

afterEach(() => void vi.useRealTimers());

function callOf(upstream: object) {
  const log: string[] = [];
  const call: Stallable = { address: "a", upstream, patienceMs: 30_000, giveUp: () => void log.push("given up"), goaway: () => void log.push("goaway") };
  return { call, log };
}

describe("StalledCalls", () => {
  it("tells the unread calls of an upstream that drains, and no others", () => {
    vi.useFakeTimers();
    const stalled = new StalledCalls(8);
    const [draining, other] = [{}, {}];
    const [unread, elsewhere, read] = [callOf(draining), callOf(other), callOf(draining)];
    for (const { call } of [unread, elsewhere, read]) stalled.blocked(call);
    stalled.flowing(read.call);
    stalled.upstreamDrains(draining);
    expect([unread.log, elsewhere.log, read.log]).toEqual([["goaway"], [], []]);
  });
});
