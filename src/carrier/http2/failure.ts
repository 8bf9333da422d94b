import { constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2";
import { MillraceError, type EndReason, type ErrorCode } from "../../core/errors.js";
import { codeOfStatus, statusOfHttp } from "../../wire/status.js";

/** The reason of an error whose connection broke or went silent under it. */
const LOST: EndReason = "upstream-lost";

/** A server that was not reached; nothing was sent. */
export function notReached(cause: unknown): MillraceError {
  const code = systemCode(cause);
  return new MillraceError("unavailable", `The server was not reached${code === undefined ? "" : ` (${code})`}`, { reason: LOST, cause });
}

/** A server that took the connection too slowly, or never said a word of HTTP/2; nothing was sent. */
export function notReady(ms: number): MillraceError {
  return new MillraceError("unavailable", `The server was not ready for calls within ${ms} ms`, { reason: LOST });
}

/** A connection that broke under a call. */
export function connectionLost(cause: unknown): MillraceError {
  const code = systemCode(cause);
  return lost(`The connection to the server was lost${code === undefined ? "" : ` (${code})`}`, cause);
}

/** A connection that was given up because its peer did not answer. */
export function connectionSilent(answered: boolean): MillraceError {
  return lost(answered ? "The server answered, but the answer cannot be read" : "The connection to the server went silent");
}

/** A call of an upstream that is closed, or was closed under it. */
export function upstreamClosed(sent: boolean): MillraceError {
  return new MillraceError("unavailable", "The connection was closed on this side", { applied: sent ? "unknown" : "no" });
}

/** A stream that the server never looked at: it may be repeated, whatever it does. */
export function notTaken(cause: unknown): MillraceError {
  return new MillraceError("unavailable", "The server did not take the call", { reason: LOST, cause });
}

/** A stream that ended without a status, for the code of its reset. Code 0: the server just went away. */
export function streamEnded(code: number, cause: unknown): MillraceError {
  if (code === constants.NGHTTP2_NO_ERROR) return lost("The call ended without a status", cause);
  return new MillraceError(codeOfReset(code), `The server reset the call (HTTP/2 error ${code})`, { applied: "unknown", cause });
}

/** An answer that is no gRPC, or `undefined` for one that is. */
export function notGrpc(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): MillraceError | undefined {
  if (headers["grpc-status"] !== undefined) return undefined;
  const http = headers[":status"];
  if (http !== 200) {
    const status = statusOfHttp(http ?? 0);
    return new MillraceError(status === undefined ? "protocol" : codeOfStatus(status), `The server answered with HTTP status ${http}`, { applied: "unknown" });
  }
  if (/^application\/grpc(\+|;|$)/i.test(headers["content-type"] ?? "")) return undefined;
  return new MillraceError("protocol", "The server answered with a content type other than application/grpc", { applied: "unknown" });
}

function lost(message: string, cause?: unknown): MillraceError {
  return new MillraceError("unavailable", message, { applied: "unknown", reason: LOST, cause });
}

function codeOfReset(code: number): ErrorCode {
  switch (code) {
    case constants.NGHTTP2_INTERNAL_ERROR: return "internal";
    case constants.NGHTTP2_CANCEL:
    case constants.NGHTTP2_STREAM_CLOSED:
    case constants.NGHTTP2_CONNECT_ERROR: return "unavailable";
    case constants.NGHTTP2_ENHANCE_YOUR_CALM: return "resource_exhausted";
    case constants.NGHTTP2_INADEQUATE_SECURITY: return "permission_denied";
    default: return "protocol";
  }
}

function systemCode(cause: unknown): string | undefined {
  const code: unknown = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : undefined;
}
