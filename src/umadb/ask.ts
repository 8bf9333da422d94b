import type { Applied } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import type { Connection } from "../carrier/connection.js";
import { invokeUnary } from "../carrier/invoke.js";
import type { Method } from "../wire/methods.js";
import { encodeName } from "./codec-request.js";
import { decodeNumber } from "./decode-number.js";

/**
 * The number that a call with one answer gives: all of them do.
 *
 * @param request A name, which may be empty, or an encoded message.
 * @param applied For the error of an answer that cannot be decoded; `no` by default.
 */
export async function askNumber(
  connection: Connection, method: Method, request: string | Uint8Array, options: CallOptions, applied?: Applied,
): Promise<bigint | undefined> {
  const bytes = typeof request === "string" ? encodeName(request) : request;
  return decodeNumber(await invokeUnary(connection, method, bytes, options), applied);
}
