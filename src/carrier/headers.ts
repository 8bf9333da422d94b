import { invalidArgument } from "../core/arguments.js";
import type { SystemName } from "../core/errors.js";
import { isProtocolHeader } from "../wire/header-names.js";

/** A header name is an HTTP token. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** What all platforms let through: no control characters (so no line breaks), nothing above one byte. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** One binary value, or several of one name. */
const BASE64 = /^[\w+/-]*={0,2}(\s*,\s*[\w+/-]*={0,2})*$/;

/**
 * Metadata as `Headers`, each name and value checked: the platform would trim line breaks away, send a missing value
 * as the word `undefined`, or fail later without saying which header it was.
 *
 * @param argument What the caller calls it.
 * @throws {MillraceError} `invalid_argument`; shows the header's name where it is one, never its value.
 */
export function checkHeaders(argument: string, init: unknown, system: SystemName | undefined): Headers {
  const isObject = typeof init === "object" && init !== null;
  const pairs = isObject && (Symbol.iterator in init ? [...(init as Iterable<unknown>)] : Object.entries(init));
  if (!pairs || !pairs.every((pair): pair is [unknown, unknown] => Array.isArray(pair) && pair.length === 2)) {
    throw invalidArgument(argument, init, "must be Headers, an object of strings or an array of pairs", system);
  }
  const headers = new Headers();
  for (const [name, value] of pairs) {
    if (typeof name !== "string" || !NAME.test(name)) throw invalidArgument(argument, name, "must have header names that HTTP allows", system);
    const lower = name.toLowerCase();
    const rule = isProtocolHeader(lower) ? "must not be set, it belongs to the protocol"
      : typeof value !== "string" || !VALUE.test(value) ? "must be a string of Latin-1 without control characters"
      : lower.endsWith("-bin") && !BASE64.test(value) ? "must be base64"
      : undefined;
    if (rule !== undefined) throw invalidArgument(`${argument}["${name}"]`, value, rule, system);
    headers.append(name, value as string);
  }
  return headers;
}
