import { checkInteger, checkOptions, invalidArgument } from "../core/arguments.js";
import { isWellFormed } from "../core/bytes.js";
import type { MillraceError } from "../core/errors.js";

/** The error for a wrong argument of a call to KubeMQ. */
export function wrong(path: string, value: unknown, rule: string): MillraceError {
  return invalidArgument(path, value, rule, "kubemq");
}

/** Refuses what is no object, and properties that nobody reads. */
export function record<Name extends string>(value: unknown, path: string, names: readonly Name[]): { readonly [N in Name]?: unknown } {
  checkOptions(path, value, names, `${path}.`, "kubemq");
  return value as { readonly [N in Name]?: unknown };
}

/** `value` as a string that UTF-8 can hold. */
export function text(value: unknown, path: string): string {
  if (typeof value !== "string") throw wrong(path, value, "must be a string");
  if (!isWellFormed(value)) throw wrong(path, value, "must not hold half of a surrogate pair");
  return value;
}

/** `value` as an integer from `min` to `max`, `fallback` when it is left out. */
export function integer(value: unknown, path: string, min: number, max: number, fallback: number): number {
  return value === undefined ? fallback : checkInteger(path, value, min, max, "kubemq");
}

/** `value` as a boolean, `fallback` when it is left out. */
export function flag(value: unknown, path: string, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw wrong(path, value, "must be a boolean");
  return value;
}

/** `value` as a function. */
export function callable(value: unknown, path: string): void {
  if (typeof value !== "function") throw wrong(path, value, "must be a function");
}

/** U+0000 to U+001F and U+007F: one line feed in a channel silences a 2.4 broker for everybody. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\0-\x1f\x7f]/;

/** `value` as a name that a broker can live with: not empty, and without control characters. */
export function name(value: unknown, path: string): string {
  const given = text(value, path);
  if (given === "") throw wrong(path, value, "must not be empty");
  if (CONTROL.test(given)) throw wrong(path, value, "must not hold control characters");
  return given;
}

/** Which channels a name may be of. */
export type ChannelKind =
  /** Events, commands and queries. */
  | "plain"
  /** What events are subscribed to by: `*` stands for one token, `>` at the end for one or more. */
  | "pattern"
  /** Stored events and queues, where a broker takes a wrong name without a word and stores nothing. */
  | "stored";

/** `value` as the name of a channel. */
export function channelName(value: unknown, path: string, kind: ChannelKind): string {
  const given = name(value, path);
  if (given.includes(" ")) throw wrong(path, value, "must not hold spaces");
  if (given.endsWith(".")) throw wrong(path, value, "must not end with a dot");
  if (kind !== "pattern" && /[*>]/.test(given)) throw wrong(path, value, "must not hold the wildcards * and >");
  if (kind !== "plain" && given.split(".").includes("")) throw wrong(path, value, "must not hold empty tokens");
  if (kind === "stored" && given.includes("/")) throw wrong(path, value, "must not hold a slash");
  return given;
}

/** `value` as the name of a group; none, the empty string, when it is left out. */
export function groupName(value: unknown, path: string): string {
  if (value === undefined) return "";
  const given = name(value, path);
  if (/\s/.test(given)) throw wrong(path, value, "must not hold white space");
  return given;
}
