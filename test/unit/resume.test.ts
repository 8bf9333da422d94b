import { describe, expect, it } from "vitest";
import { step, type Feed, type FeedInput, type ResumePolicy } from "millrace/internal/core/resume";

const policy: ResumePolicy = { attempts: undefined, baseMs: 250, maxMs: 30_000, steadyMs: 10_000 };
const cause = new Error("cut");

const states = {
  connecting: { kind: "connecting", after: 7n, attempt: 2 },
  "catching-up": { kind: "catching-up", after: 7n, attempt: 2 },
  live: { kind: "live", after: 7n, attempt: 2, since: 1_000 },
  waiting: { kind: "waiting", after: 7n, attempt: 2, retryAt: 5_000, cause },
  closed: { kind: "closed", after: 7n, cause },
} as const satisfies Record<string, Feed<bigint>>;

const inputs = {
  opened: { kind: "opened", after: 9n },
  "caught-up": { kind: "caught-up", now: 2_000 },
  handled: { kind: "handled", position: 8n },
  lost: { kind: "lost", cause: "again", now: 3_000, random: 0.5 },
  retry: { kind: "retry" },
  close: { kind: "close" },
} as const satisfies Record<string, FeedInput<bigint>>;

const waitingAfterLoss = { kind: "waiting", after: 7n, attempt: 3, retryAt: 3_500, cause: "again" };
const closed = { kind: "closed", after: 7n, cause: undefined };
const same = "the same";

/** Every state against every input. */
const table: Record<keyof typeof states, Record<keyof typeof inputs, object | typeof same>> = {
  connecting: {
    opened: { kind: "catching-up", after: 9n, attempt: 2 },
    "caught-up": same,
    handled: { kind: "connecting", after: 8n, attempt: 2 },
    lost: waitingAfterLoss,
    retry: same,
    close: closed,
  },
  "catching-up": {
    opened: same,
    "caught-up": { kind: "live", after: 7n, attempt: 2, since: 2_000 },
    handled: { kind: "catching-up", after: 8n, attempt: 2 },
    lost: waitingAfterLoss,
    retry: same,
    close: closed,
  },
  live: {
    opened: same,
    "caught-up": same,
    handled: { kind: "live", after: 8n, attempt: 2, since: 1_000 },
    lost: waitingAfterLoss,
    retry: same,
    close: closed,
  },
  waiting: {
    opened: same,
    "caught-up": same,
    handled: { kind: "waiting", after: 8n, attempt: 2, retryAt: 5_000, cause },
    lost: same,
    retry: { kind: "connecting", after: 7n, attempt: 2 },
    close: closed,
  },
  closed: { opened: same, "caught-up": same, handled: same, lost: same, retry: same, close: same },
};

describe("step()", () => {
  for (const [state, row] of Object.entries(table)) {
    for (const [input, expected] of Object.entries(row)) {
      const feed = states[state as keyof typeof states];
      it(`${state} + ${input} is ${expected === same ? same : (expected as Feed<bigint>).kind}`, () => {
        const next = step<bigint>(feed, inputs[input as keyof typeof inputs], policy);
        if (expected === same) expect(next).toBe(feed);
        else expect(next).toEqual(expected);
      });
    }
  }
});

describe("the pause after a loss", () => {
  const pause = (attempt: number, random = 1, retryAfterMs?: number): number => {
    const next = step<bigint>({ kind: "connecting", after: 0n, attempt }, { kind: "lost", cause, now: 0, random, retryAfterMs }, policy);
    return next.kind === "waiting" ? next.retryAt : Number.NaN;
  };

  it("doubles from `baseMs` and stops at `maxMs`", () => {
    expect([0, 1, 2, 6, 7, 2_000].map((attempt) => pause(attempt))).toEqual([250, 500, 1_000, 16_000, 30_000, 30_000]);
  });

  it("is random down to nothing", () => {
    expect([pause(3, 0), pause(3, 0.25)]).toEqual([0, 500]);
  });

  it("is never shorter than the server asks", () => {
    expect([pause(0, 0, 700), pause(2, 1, 700)]).toEqual([700, 1_000]);
  });
});

describe("counting tries", () => {
  const lostAt = (since: number, now: number): Feed<bigint> =>
    step<bigint>({ kind: "live", after: 1n, attempt: 5, since }, { kind: "lost", cause, now, random: 1 }, policy);

  it("begins again after `steadyMs` live, and not a millisecond sooner", () => {
    expect(lostAt(1_000, 11_000)).toMatchObject({ kind: "waiting", attempt: 1, retryAt: 11_250 });
    expect(lostAt(1_000, 10_999)).toMatchObject({ kind: "waiting", attempt: 6 });
  });

  it("ends for good at `attempts`, with the last cause", () => {
    const limited = { ...policy, attempts: 3 };
    const lose = (attempt: number): Feed<bigint> =>
      step<bigint>({ kind: "connecting", after: 1n, attempt }, { kind: "lost", cause, now: 0, random: 0 }, limited);
    expect(lose(1)).toMatchObject({ kind: "waiting", attempt: 2 });
    expect(lose(2)).toEqual({ kind: "closed", after: 1n, cause });
  });
});
