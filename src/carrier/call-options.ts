import { checkOptions, checkSignal, integerFrom } from "../core/arguments.js";
import type { SystemName } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { checkHeaders } from "./headers.js";

/** Milliseconds for a call with one answer, and between two chunks of a read, where nobody says otherwise. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Refuses wrong call options before anything is sent.
 *
 * @param more Names of options that this call has beside the common ones; they are not looked at.
 * @throws {MillraceError} `invalid_argument`, naming option and rule.
 */
export function checkCallOptions(options: CallOptions, system: SystemName, more: readonly string[] = []): void {
  const others = Object.fromEntries(more.map((name) => [name, undefined]));
  checkOptions("options", options, { signal: checkSignal, timeoutMs: integerFrom(0), headers: checkHeaders, ...others }, "options.", system);
}
