import { invalidArgument } from "../core/arguments.js";
import type { SystemName } from "../core/errors.js";
import { abortable } from "../core/signal.js";
import { isProtocolHeader } from "../wire/header-names.js";
import type { Connection } from "./connection.js";

/** A header name is an HTTP token. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What all platforms let through: no control characters (so no line breaks), nothing above one byte. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Metadata as `Headers`, each name and value checked: the platform would trim line breaks away, send a missing value
 * as the word `undefined`, or fail later without saying which header it was.
 *
 * @param argument What the caller calls it.
 * @throws {MillraceError} `invalid_argument`; shows the header's name where it is one, never its value.
 */
export function checkHeaders(argument: string, init: unknown, system: SystemName | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of entriesOf(argument, init, system)) {
    if (typeof name !== "string" || !NAME.test(name)) throw invalidArgument(argument, name, "must have header names that HTTP allows", system);
    const lower = name.toLowerCase();
    const named = `${argument}["${name}"]`;
    if (isProtocolHeader(lower)) throw invalidArgument(named, value, "must not be set, it belongs to the protocol", system);
    if (typeof value !== "string" || !VALUE.test(value)) throw invalidArgument(named, value, "must be a string of Latin-1 without control characters", system);
    if (lower.endsWith("-bin") && !BASE64.test(value)) throw invalidArgument(named, value, "must be base64", system);
    headers.append(name, value);
  }
  return headers;
}

function entriesOf(argument: string, init: unknown, system: SystemName | undefined): Iterable<readonly [unknown, unknown]> {
  if (typeof init === "object" && init !== null) {
    const pairs: unknown[] = Symbol.iterator in init ? [...(init as Iterable<unknown>)] : Object.entries(init);
    if (pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return pairs as [unknown, unknown][];
  }
  throw invalidArgument(argument, init, "must be Headers, an object of strings or an array of pairs", system);
}

/** One binary value, or several of one name. */
const BASE64 = /^[\w+/-]*={0,2}(\s*,\s*[\w+/-]*={0,2})*$/;

/**
 * The headers of one try; asks the client's function if it is one. What that throws is the call's error, as it is.
 *
 * @param client The client's own headers.
 * @param call The call's: the same name replaces.
 * @param refresh Whether the last try was answered with `unauthenticated`.
 * @param signal Ends the wait for the function.
 */
export async function resolveHeaders(
  { headers: own, system, maxMetadataBytes }: Pick<Connection, "headers" | "system" | "maxMetadataBytes">, call: HeadersInit | undefined, refresh: boolean, signal: AbortSignal,
): Promise<Headers> {
  const [argument, given] = typeof own === "function"
    ? ["headers()", await abortable(Promise.resolve(own({ refresh })), signal)] as const
    : ["headers", own ?? {}] as const;
  const headers = checkHeaders(argument, given, system);
  checkHeaders("options.headers", call ?? {}, system).forEach((value, name) => headers.set(name, value));
  let size = 0;
  headers.forEach((value, name) => { size += name.length + value.length + 32; });
  if (size > maxMetadataBytes) throw invalidArgument("headers", headers, `must have at most ${maxMetadataBytes} bytes (names, values and 32 for each), not ${size}`, system);
  return headers;
}
