import { checkInteger, checkOptions, invalidArgument, isAbortSignal, MAX_TIMER_MS } from "../core/arguments.js";
import { isWellFormed } from "../core/bytes.js";
import type { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import type { ConsumerGroup } from "./types.js";

/** The largest position. */
export const MAX_INT64 = 2n ** 63n - 1n;

/** PostgreSQL counts the members of a group in a `smallint`. */
const MAX_GROUP_SIZE = 32_767;

/** The error for a wrong argument of a call to Message DB. */
export function wrong(path: string, value: unknown, rule: string): MillraceError {
  return invalidArgument(path, value, rule, "messagedb");
}

/** `value` as a string that PostgreSQL can hold. */
export function text(value: unknown, path: string): string {
  if (typeof value !== "string") throw wrong(path, value, "must be a string");
  if (!isWellFormed(value)) throw wrong(path, value, "must not hold half of a surrogate pair");
  if (value.includes("\u0000")) throw wrong(path, value, "must not hold the character U+0000, which PostgreSQL cannot store");
  return value;
}

/** `value` as a stream's name: one with a hyphen. */
export function streamName(value: unknown, path: string): string {
  const name = text(value, path);
  if (!name.includes("-")) throw wrong(path, value, "must be a stream's name, which has a hyphen");
  return name;
}

/** `value` as a category's name: one without a hyphen. */
export function categoryName(value: unknown, path: string): string {
  const name = text(value, path);
  if (name.includes("-")) throw wrong(path, value, "must be a category's name, which has no hyphen");
  return name;
}

/** `value` as a position, `otherwise` where it is left out. */
export function position(value: unknown, path: string, otherwise: bigint, max = MAX_INT64): bigint {
  if (value === undefined) return otherwise;
  if (typeof value === "bigint" && value >= 0n && value <= max) return value;
  throw wrong(path, value, `must be a bigint from 0 to 2^63 - ${max === MAX_INT64 ? 1 : 2}`);
}

/** `value` as a number of messages, `Infinity` for all of them. */
export function count(value: unknown, path: string, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as number;
  throw wrong(path, value, "must be an integer from 0 to 2^53 - 1, or Infinity");
}

/** `value` as one member of a group. */
export function consumerGroup(value: unknown, path: string): ConsumerGroup | undefined {
  if (value === undefined) return undefined;
  checkOptions(path, value, ["member", "size"], `${path}.`, "messagedb");
  const { member, size } = value as { member: unknown; size: unknown };
  const counted = checkInteger(`${path}.size`, size, 1, MAX_GROUP_SIZE, "messagedb");
  return { member: checkInteger(`${path}.member`, member, 0, counted - 1, "messagedb"), size: counted };
}

/**
 * Refuses wrong options before anything is sent.
 *
 * @param more Names of options that this call has beside the common ones; they are not looked at.
 */
export function callOptions(options: CallOptions, more: readonly string[] = []): void {
  checkOptions("options", options, ["signal", "timeoutMs", "headers", ...more], "options.", "messagedb");
  const { signal, timeoutMs } = options;
  if (signal !== undefined && !isAbortSignal(signal)) throw wrong("options.signal", signal, "must be an AbortSignal");
  if (timeoutMs !== undefined) checkInteger("options.timeoutMs", timeoutMs, 0, MAX_TIMER_MS, "messagedb");
}
