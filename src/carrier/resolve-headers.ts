import { invalidArgument } from "../core/arguments.js";
import { abortable } from "../core/signal.js";
import type { Connection } from "./connection.js";
import { checkHeaders } from "./headers.js";

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
