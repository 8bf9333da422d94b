import { checkInteger, checkOptions, invalidArgument } from "../core/arguments.js";
import { isWellFormed } from "../core/bytes.js";
import type { MillraceError } from "../core/errors.js";
import type { ExpectedRevision, Position } from "./types.js";

/** The largest revision: streams count with signed numbers. */
const MAX_REVISION = 2n ** 63n - 1n;

const MAX_UINT64 = 2n ** 64n - 1n;

/** The error for a wrong argument of a call to EventStoreDB. */
export function wrong(path: string, value: unknown, rule: string): MillraceError {
  return invalidArgument(path, value, rule, "eventstoredb");
}

/** `value` as an object with no property beside `names`: a misspelt one must not be ignored. */
export function record<Name extends string>(value: unknown, path: string, names: readonly Name[]): { readonly [N in Name]?: unknown } {
  checkOptions(path, value, names, `${path}.`, "eventstoredb");
  return value as { readonly [N in Name]?: unknown };
}

/** A copy of `value`, an array; its holes become `undefined`, so that they are looked at. */
export function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, value, "must be an array");
  return Array.from(value as unknown[]);
}

/** `value` as a name that UTF-8 can hold and that is not empty: the server never answers some calls about an empty one. */
export function name(value: unknown, path: string): string {
  if (typeof value !== "string" || value === "") throw wrong(path, value, "must be a string that is not empty");
  if (!isWellFormed(value)) throw wrong(path, value, "must not hold half of a surrogate pair");
  return value;
}

/** `value`, if it is given, as true or false. */
export function flag(value: unknown, path: string): boolean {
  if (value !== undefined && typeof value !== "boolean") throw wrong(path, value, "must be true or false");
  return value === true;
}

/** `value` as bytes. */
export function bytes(value: unknown, path: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw wrong(path, value, "must be a Uint8Array");
  return value;
}

/** `value` as a revision, or one of `words`. */
export function revision<Word extends string>(value: unknown, path: string, words: readonly Word[]): bigint | Word {
  if (words.includes(value as Word)) return value as Word;
  if (typeof value !== "bigint" || value < 0n || value > MAX_REVISION) {
    throw wrong(path, value, `must be a bigint from 0 to 2^63 - 1${words.map((word) => `, or "${word}"`).join("")}`);
  }
  return value;
}

/** `value` as what a write expects; `any` when it is left out. */
export function expectedRevision(value: unknown, path: string): ExpectedRevision {
  return value === undefined ? "any" : revision(value, path, ["no_stream", "any", "stream_exists"]);
}

/** `value` as a place in the log, or one of `words`. A bare bigint is a commit position, and the prepare position with it. */
export function place<Word extends string>(value: unknown, path: string, words: readonly Word[]): Position | Word {
  if (words.includes(value as Word)) return value as Word;
  const { commit, prepare } = typeof value === "bigint" ? { commit: value, prepare: value } : (Object(value) as Partial<Position>);
  if (typeof commit !== "bigint" || typeof prepare !== "bigint" || prepare < 0n || prepare > commit || commit > MAX_UINT64) {
    throw wrong(path, value, `must be a bigint or { commit, prepare } from 0 to 2^64 - 1, prepare at most commit${words.map((word) => `, or "${word}"`).join("")}`);
  }
  return { commit, prepare };
}

/** `value` as the most events of a read; `undefined` for all. */
export function limit(value: unknown, path: string): number | undefined {
  return value === undefined ? undefined : checkInteger(path, value, 0, Number.MAX_SAFE_INTEGER, "eventstoredb");
}
