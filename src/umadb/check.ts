import { checkInteger, checkOptions, invalidArgument } from "../core/arguments.js";
import { isWellFormed } from "../core/bytes.js";
import type { MillraceError } from "../core/errors.js";

/** The largest unsigned 64-bit number. */
export const MAX_UINT64 = 2n ** 64n - 1n;

/** The error for a wrong argument of a call to UmaDB. */
export function wrong(path: string, value: unknown, rule: string): MillraceError {
  return invalidArgument(path, value, rule, "umadb");
}

/**
 * `value` as an object with no property beside `names`. A misspelt one would otherwise be ignored, and a condition
 * ignored is an append that should have failed.
 */
export function record<Name extends string>(value: unknown, path: string, names: readonly Name[]): { readonly [N in Name]?: unknown } {
  checkOptions(path, value, names, `${path}.`, "umadb");
  return value as { readonly [N in Name]?: unknown };
}

/** A copy of `value`, an array; its holes become `undefined`, so that they are looked at. */
export function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, value, "must be an array");
  return Array.from(value as unknown[]);
}

/** `value` as a string that UTF-8 can hold, in at most `maxBytes`. */
export function text(value: unknown, path: string, maxBytes = Infinity): string {
  if (typeof value !== "string") throw wrong(path, value, "must be a string");
  if (!isWellFormed(value)) throw wrong(path, value, "must not hold half of a surrogate pair");
  if (maxBytes < Infinity && new TextEncoder().encode(value).length > maxBytes) throw wrong(path, value, `must have at most ${maxBytes} bytes of UTF-8`);
  return value;
}

/** An optional array of strings as one. */
export function texts(value: unknown, path: string): string[] {
  return value === undefined ? [] : list(value, path).map((item, index) => text(item, `${path}[${index}]`));
}

/** `value` as a position. */
export function position(value: unknown, path: string, max = MAX_UINT64, also = ""): bigint {
  if (typeof value !== "bigint" || value < 0n || value > max) {
    throw wrong(path, value, `must be a bigint from 0 to 2^64 - ${max === MAX_UINT64 ? 1 : 2}${also}`);
  }
  return value;
}

/** `value` as a count that the wire can hold. */
export function count(value: unknown, path: string): number {
  return checkInteger(path, value, 0, 0xffff_ffff, "umadb");
}

/** What `check` makes of `value` (and the rest of what it takes), or `undefined` when it is left out. */
export function optional<In, Rest extends unknown[], Out>(value: In | undefined, check: (value: In, ...rest: Rest) => Out, ...rest: Rest): Out | undefined {
  return value === undefined ? undefined : check(value, ...rest);
}
