import { MillraceError } from "../core/errors.js";
import { gatewayTrailers, statusOfHttp } from "../wire/status.js";
import { trailersOfHeaders, type Trailers } from "../wire/trailers.js";

/**
 * Reads the beginning of an HTTP answer to a gRPC-Web call. The body of what is no gRPC answer is never looked at: it
 * may be any page.
 *
 * @returns How the call ended if the headers say so already; `undefined` when a gRPC-Web body follows.
 * @throws {MillraceError} `protocol` when it is no answer to such a call.
 */
export function judgeAnswer(response: Response): Trailers | undefined {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    throw unexpected("The gateway answered with a redirect, give the address it leads to as `url`");
  }
  const trailers = trailersOfHeaders(response.headers);
  if (trailers !== undefined) return trailers;
  if (response.status !== 200) return trailersOfHttp(response);
  if (!/^application\/grpc-web(\+proto)?\s*(;|$)/i.test(response.headers.get("content-type") ?? "")) {
    throw unexpected("The answer is not gRPC-Web, it may not come from a gateway");
  }
  return undefined;
}

function trailersOfHttp({ status: http, headers }: Response): Trailers {
  const status = statusOfHttp(http);
  if (status === undefined) throw unexpected(`The gateway answered HTTP ${http}`);
  return { status, message: `The gateway answered HTTP ${http}`, headers: explained(status, headers) };
}

/** HTTP's own words in the names that our gateway uses: how long to wait, and that a refusal changed nothing. */
function explained(status: number, headers: Headers): Headers {
  const more = new Headers(headers);
  const say = (name: string, value: string): void => { if (!more.has(name)) more.set(name, value); };
  const wait = headers.get("retry-after") ?? "";
  if (/^\d{1,6}$/.test(wait)) say(gatewayTrailers.retryAfterMs, `${wait}000`);
  if (status !== 14) say(gatewayTrailers.applied, "no");
  return more;
}

function unexpected(message: string): MillraceError {
  return new MillraceError("protocol", message, { applied: "unknown" });
}
