import { checkInteger, checkOptions, invalidArgument, isAbortSignal, MAX_TIMER_MS } from "../core/arguments.js";
import type { SystemName } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { checkHeaders } from "./headers.js";

/** Milliseconds for a call with one answer, and between two chunks of a read, where nobody says otherwise. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** The options that every call has. */
export const CALL_OPTION_NAMES = ["signal", "timeoutMs", "headers"] as const;

/**
 * Refuses wrong call options before anything is sent.
 *
 * @param more Names of options that this call has beside the common ones; they are not looked at.
 * @throws {MillraceError} `invalid_argument`, naming option and rule.
 */
export function checkCallOptions(options: CallOptions, system: SystemName, more: readonly string[] = []): void {
  checkOptions("options", options, [...CALL_OPTION_NAMES, ...more], "options.", system);
  const { signal, timeoutMs, headers } = options;
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgument("options.signal", signal, "must be an AbortSignal", system);
  if (timeoutMs !== undefined) checkInteger("options.timeoutMs", timeoutMs, 0, MAX_TIMER_MS, system);
  if (headers !== undefined) checkHeaders("options.headers", headers, system);
}
