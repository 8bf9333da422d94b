import { isMillraceError, MillraceError, type Applied, type ErrorCode } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import type { RetryPolicy } from "../core/retry-options.js";
import { withRetry } from "../core/retry.js";
import { abortable, linkSignals, startTimer, type Ending } from "../core/signal.js";

/** How calls of one client are made. */
export interface CallRules {
  /** Milliseconds for a call with its repeats; 0 means none. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly closed: Ending;
}

/** After a try that was lost, another that ends so says what became of both. */
const DECIDED: readonly ErrorCode[] = ["conflict", "invalid_argument"];

/**
 * Runs a call within its time, and again as long as its error says that another try may mend it.
 *
 * @param run Rejects with the reason of its signal when that is aborted, else with one of our errors.
 * @throws {MillraceError} `timeout`; the client's end; what `run` comes to.
 */
export async function call<T>(run: (signal: AbortSignal) => Promise<T>, { signal: caller, timeoutMs }: CallOptions, rules: CallRules): Promise<T> {
  const scope = linkSignals(caller, rules.closed);
  const { signal } = scope;
  const limitMs = timeoutMs ?? rules.timeoutMs;
  const stopTimer = startTimer(limitMs, () => scope.abort(new MillraceError("timeout", `No answer within ${limitMs} ms`, { system: "messagedb" })));
  const once = (): Promise<T> => run(signal).catch((error: unknown) => { throw signal.aborted ? signal.reason : error; });
  try {
    signal.throwIfAborted();
    return await abortable(withRetry(once, { policy: rules.retry, signal }), signal);
  } finally {
    stopTimer();
    scope.release();
  }
}

/** As {@link call}, for an operation that changes nothing, so that a lost answer is as good as none. */
export function callRead<T>(run: (signal: AbortSignal) => Promise<T>, options: CallOptions, rules: CallRules): Promise<T> {
  return call((signal) => run(signal).catch((error: unknown) => { throw isMillraceError(error) ? withApplied(error, "no") : error; }), options, rules);
}

/**
 * As {@link call}, for a write: when an answer is lost, the next try is told that there may have been one before.
 *
 * @param write `repeated` is false for the first try and for those after tries that certainly wrote nothing.
 */
export async function callWrite<T>(write: (repeated: boolean, signal: AbortSignal) => Promise<T>, options: CallOptions, rules: CallRules): Promise<T> {
  /** A try is under way, or its outcome was not waited for. */
  let pending = false;
  /** A try was lost. */
  let open = false;
  const once = async (signal: AbortSignal): Promise<T> => {
    try {
      pending = true;
      return await write(open, signal);
    } catch (error) {
      if (signal.aborted || !isMillraceError(error)) throw error;
      pending = false;
      if (error.applied === "no") throw error;
      open = true;
      // Safe to repeat all the same, which `unknown` would deny.
      throw withApplied(error, "no");
    }
  };
  try {
    return await call(once, options, rules);
  } catch (error) {
    if (!isMillraceError(error) || !(pending || (open && !DECIDED.includes(error.code)))) throw error;
    throw withApplied(error, "unknown");
  }
}

/** The error of a call that applied something, or nothing, whatever it says itself. */
export function withApplied({ code, message, cause, reason, retryAfterMs }: MillraceError, applied: Applied): MillraceError {
  return new MillraceError(code, message, { system: "messagedb", cause, reason, retryAfterMs, applied });
}
