import { backoffMs, type Backoff } from "./backoff.js";
import { isMillraceError, type MillraceError } from "./errors.js";
import type { ResumeClock } from "./subscription.js";
import { platformClock } from "./wake.js";

/** How {@link withRetry} goes on. */
export interface RetryRules {
  /** `attempts` counts the first try too. */
  readonly policy: (Backoff & { readonly attempts: number }) | false;
  /** Ends a pause, and with it everything, at once. */
  readonly signal: AbortSignal;
  /** Milliseconds left for all tries; a pause that would not fit is not begun, and the last error stands. */
  readonly leftMs?: (() => number) | undefined;
  /** Whether a repeat is safe although an earlier try may have been applied; false by default. */
  readonly recognised?: boolean | undefined;
  /** The platform's by default. */
  readonly clock?: ResumeClock | undefined;
}

/**
 * Runs `run` until it succeeds, until its error is one that another try cannot mend or that leaves open what was
 * applied, or until there are no tries left; then the last error stands.
 *
 * @throws The reason of `signal` when it is aborted during a pause.
 */
export async function withRetry<T>(run: () => Promise<T>, rules: RetryRules): Promise<T> {
  const clock = rules.clock ?? platformClock;
  for (let failures = 1; ; failures++) {
    try {
      return await run();
    } catch (error) {
      if (rules.policy === false || failures >= rules.policy.attempts || rules.signal.aborted || !isPassing(error, rules.recognised)) throw error;
      const pauseMs = Math.max(backoffMs(failures, rules.policy, clock.random()), error.retryAfterMs ?? 0);
      if (rules.leftMs !== undefined && pauseMs >= rules.leftMs()) throw error;
      await clock.pause(pauseMs, rules.signal);
    }
  }
}

/**
 * Whether the same call may succeed later, and may be sent again: the server was away, or it refused and said how long
 * to wait, and nothing can have been applied, or the server would recognise the repeat.
 */
function isPassing(error: unknown, recognised = false): error is MillraceError {
  return isMillraceError(error) && (recognised || error.applied === "no") && (error.code === "unavailable" || error.retryAfterMs !== undefined);
}
