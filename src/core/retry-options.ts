import { checkInteger, checkOptions, MAX_TIMER_MS } from "./arguments.js";
import type { SystemName } from "./errors.js";
import type { RetryOptions } from "./options.js";

/** {@link RetryOptions} of a client's calls with every default filled in; `false` for none. */
export type RetryPolicy = Required<Readonly<Record<keyof RetryOptions, number>>> | false;

const DEFAULTS = { attempts: 4, baseMs: 100, maxMs: 5_000 } as const;

/**
 * A client's `retry` option, checked.
 *
 * @throws {MillraceError} `invalid_argument`, naming option and rule.
 */
export function toRetryPolicy(retry: RetryOptions | false | undefined, system: SystemName): RetryPolicy {
  if (retry === false) return retry;
  const given = retry ?? {};
  checkOptions("retry", given, Object.keys(DEFAULTS), "retry.", system);
  const take = (name: keyof RetryOptions, min: number): number => checkInteger(`retry.${name}`, given[name] ?? DEFAULTS[name], min, MAX_TIMER_MS, system);
  return { attempts: take("attempts", 1), baseMs: take("baseMs", 0), maxMs: take("maxMs", 0) };
}
