import { backoffMs } from "./backoff.js";

/** When and how often a lost subscription is opened again. */
export interface ResumePolicy {
  /** Tries in a row without {@link ResumePolicy.steadyMs} of live between them; `undefined` means without limit. */
  readonly attempts: number | undefined;
  /** The first pause is random between 0 and this many milliseconds; it doubles with each try. */
  readonly baseMs: number;
  /** No pause is longer, in milliseconds, unless the server asks for it. */
  readonly maxMs: number;
  /** After this many milliseconds live, a loss counts as the first again. */
  readonly steadyMs: number;
}

/**
 * Where a subscription stands. `after` is the position of the last event that its consumer came back from, or where it
 * was told to begin; a new connection is opened there. Times are milliseconds of one clock.
 */
export type Feed<Position> =
  | { readonly kind: "connecting"; readonly after: Position; readonly attempt: number }
  | { readonly kind: "catching-up"; readonly after: Position; readonly attempt: number }
  | { readonly kind: "live"; readonly after: Position; readonly attempt: number; readonly since: number }
  | { readonly kind: "waiting"; readonly after: Position; readonly attempt: number; readonly retryAt: number; readonly cause: unknown }
  | { readonly kind: "closed"; readonly after: Position; readonly cause: unknown };

/** What happens to a subscription. */
export type FeedInput<Position> =
  /** The server took the call. `after` is where it reads on, which for a start at the end is known only now. */
  | { readonly kind: "opened"; readonly after: Position }
  /** What was stored when the call was opened has been handed out. */
  | { readonly kind: "caught-up"; readonly now: number }
  /** The consumer came back for more: the event at `position`, and all before it, are handled. */
  | { readonly kind: "handled"; readonly position: Position }
  /** The call ended, by an error or by the server's own end. `random` is from 0 to 1. */
  | { readonly kind: "lost"; readonly cause: unknown; readonly now: number; readonly random: number; readonly retryAfterMs?: number | undefined }
  /** The pause is over, or something says that a try is worth it now. */
  | { readonly kind: "retry" }
  /** It ends for good: by its consumer (no cause), or by an error that no retry can mend. */
  | { readonly kind: "close"; readonly cause?: unknown };

/**
 * What a subscription is after an input. Pure: no clock, no randomness, no I/O. An input that has no meaning in a state
 * leaves it as it is (the same object).
 */
export function step<Position>(feed: Feed<Position>, input: FeedInput<Position>, policy: ResumePolicy): Feed<Position> {
  if (feed.kind === "closed") return feed;
  const { kind, after, attempt } = feed;
  switch (input.kind) {
    case "opened":
      return kind === "connecting" ? { kind: "catching-up", after: input.after, attempt } : feed;
    case "caught-up":
      return kind === "catching-up" ? { kind: "live", after, attempt, since: input.now } : feed;
    case "handled":
      return { ...feed, after: input.position };
    case "lost":
      return kind === "waiting" ? feed : lost(feed, input, policy);
    case "retry":
      return kind === "waiting" ? { kind: "connecting", after, attempt } : feed;
    case "close":
      return { kind: "closed", after, cause: input.cause };
  }
}

type Open<Position> = Extract<Feed<Position>, { kind: "connecting" | "catching-up" | "live" }>;
type Lost<Position> = Extract<FeedInput<Position>, { kind: "lost" }>;

function lost<Position>(feed: Open<Position>, { cause, now, random, retryAfterMs = 0 }: Lost<Position>, policy: ResumePolicy): Feed<Position> {
  const { after } = feed;
  const steady = feed.kind === "live" && now - feed.since >= policy.steadyMs;
  const attempt = steady ? 1 : feed.attempt + 1;
  if (policy.attempts !== undefined && attempt >= policy.attempts) return { kind: "closed", after, cause };
  return { kind: "waiting", after, attempt, retryAt: now + Math.max(backoffMs(attempt, policy, random), retryAfterMs), cause };
}
