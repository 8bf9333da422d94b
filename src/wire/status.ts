import { MillraceError, type Applied, type ErrorCode, type SystemName } from "../core/errors.js";
import type { Trailers } from "./trailers.js";

const CODES: readonly ErrorCode[] = [
  "internal", // 0 is not an error; asking for its code is a bug
  "unavailable", // 1 CANCELLED
  "internal", // 2 UNKNOWN
  "invalid_argument", // 3
  "timeout", // 4 DEADLINE_EXCEEDED
  "not_found", // 5
  "conflict", // 6 ALREADY_EXISTS
  "permission_denied", // 7
  "resource_exhausted", // 8
  "conflict", // 9 FAILED_PRECONDITION
  "conflict", // 10 ABORTED
  "invalid_argument", // 11 OUT_OF_RANGE
  "unsupported", // 12 UNIMPLEMENTED
  "internal", // 13
  "unavailable", // 14
  "data_loss", // 15
  "unauthenticated", // 16
];

/** Our code for a gRPC status that its system gives no meaning of its own. */
export function codeOfStatus(status: number): ErrorCode {
  return CODES[status] ?? "protocol";
}

/** The status that says what one of our codes says, where a call failed on this side; Connect's codes are the same numbers. */
export function statusOfCode(code: ErrorCode): number {
  // Where several statuses have the same code, not the first one says it without saying more.
  return code === "conflict" ? 9 : code === "invalid_argument" ? 3 : code === "protocol" ? 13 : CODES.lastIndexOf(code);
}

/** A bit for each status with which a server refuses a call, doing nothing else with it: 3, 5, 6, 7, 9, 10, 11, 12, 16. */
const REFUSALS = 0b1_0001_1110_1110_1000;

/**
 * Whether a write that ended with this status may have been applied all the same: the server, or something between,
 * gave up on it without having refused it.
 */
export function leavesOpen(status: number): boolean {
  return status !== 0 && (status > 16 || (REFUSALS & (1 << status)) === 0);
}

/** HTTP's own statuses that say something about a call. */
const OF_HTTP: Readonly<Record<number, number>> = { 401: 16, 403: 7, 404: 12, 413: 8, 429: 8, 502: 14, 503: 14, 504: 14 };

/**
 * The gRPC status for an HTTP answer that carries none.
 *
 * @returns `undefined` where HTTP's status says nothing about the call; our code is `protocol` then.
 */
export function statusOfHttp(httpStatus: number): number | undefined {
  return OF_HTTP[httpStatus];
}

/** The headers in which a gateway of ours explains a status that it made itself. */
export const gatewayTrailers = {
  applied: "millrace-applied",
  reason: "millrace-reason",
  retryAfterMs: "millrace-retry-after-ms",
} as const;

/**
 * The error for a call that its server ended with a status other than 0.
 *
 * @param sent What `applied` is unless a gateway says otherwise: `unknown` for a write whose status leaves it open.
 */
export function errorOfTrailers(trailers: Trailers, system: SystemName | undefined, sent: Applied = "no"): MillraceError {
  const { headers, status, message } = trailers;
  const applied = headers.get(gatewayTrailers.applied);
  const retryAfter = headers.get(gatewayTrailers.retryAfterMs);
  return new MillraceError(codeOfStatus(status), message === "" ? `The call ended with gRPC status ${status}` : message, {
    system,
    applied: applied === "no" || applied === "unknown" ? applied : sent,
    reason: headers.get(gatewayTrailers.reason) ?? undefined,
    retryAfterMs: retryAfter !== null && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined,
  });
}
