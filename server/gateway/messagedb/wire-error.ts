import { isMillraceError, type ErrorCode, type MillraceError } from "millrace/internal/core/errors";
import { DuplicateMessageError, WrongExpectedVersionError } from "millrace/internal/messagedb/errors";
import { toMessageDbError } from "millrace/internal/messagedb/sql-errors";
import type { WireError } from "millrace/internal/wire/messagedb";

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400, unauthenticated: 401, permission_denied: 403, not_found: 404, conflict: 409, resource_exhausted: 429,
  unavailable: 503, timeout: 504, unsupported: 501, protocol: 502, data_loss: 500, internal: 500,
};

/** Whatever was thrown as one of our errors. None holds SQL, data, or anything of the connection. */
export function errorOf(error: unknown): MillraceError {
  return isMillraceError(error) ? error : toMessageDbError(error);
}

/** The status of an HTTP answer that says an error. */
export function httpStatusOf({ code }: MillraceError): number {
  return HTTP_STATUS[code === "unauthenticated" ? "internal" : code];
}

/** An error as it travels. Credentials that the database refused are the operator's, so that the page is not asked for others. */
export function toWireError(error: MillraceError): WireError {
  const { applied, reason, retryAfterMs, message } = error;
  return {
    code: error.code === "unauthenticated" ? "internal" : error.code,
    message,
    applied,
    reason: reason ?? (error.code === "unavailable" ? "upstream-lost" : undefined),
    retryAfterMs,
    ...(error instanceof WrongExpectedVersionError && { actual: error.actual?.toString() ?? null }),
    ...(error instanceof DuplicateMessageError && { duplicate: error.id ?? null }),
  };
}
