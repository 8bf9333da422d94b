import type { Applied, ErrorCode, MillraceError } from "millrace/internal/core/errors";
import { encodeGrpcMessage } from "millrace/internal/wire/grpc-message";
import { gatewayTrailers } from "millrace/internal/wire/status";
import type { HeaderFields } from "./exchange.js";

/** Why the gateway itself ends a call; the first four can be resumed from. */
export type Reason = "drain" | "slow-consumer" | "stalled" | "upstream-lost" | "limit" | "policy";

/** How the gateway itself ends a call. */
export interface Refusal {
  /** The gRPC status. */
  readonly status: number;
  /** Tells the caller what to do; holds nothing of the call's content. */
  readonly message: string;
  readonly applied: Applied;
  readonly reason?: Reason | undefined;
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** gRPC statuses by what they are used for here. */
export const status = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/**
 * What a caller must take for granted of a call that ended without its upstream's word.
 *
 * @param sent Whether the upstream may have seen it.
 * @param repeatable Whether a repeat of it changes nothing, so that a lost one was as good as not made.
 */
export function appliedOf(sent: boolean, repeatable: boolean): Applied {
  return sent && !repeatable ? "unknown" : "no";
}

/** The refusal of a call that came to nothing yet when the gateway closes. */
export const shuttingDown: Refusal = { status: status.unavailable, message: "The gateway is shutting down: connect again", applied: "no", reason: "drain" };

/** A refusal of what the caller sent; nothing was applied. */
export function invalid(message: string): Refusal {
  return { status: status.invalidArgument, message, applied: "no" };
}

/** A refusal because a limit is reached; nothing was applied. */
export function limited(message: string, retryAfterMs?: number): Refusal {
  return { status: status.resourceExhausted, message, applied: "no", reason: "limit", retryAfterMs };
}

/** The trailers that say a refusal. */
export function trailersOfRefusal(refusal: Refusal): HeaderFields {
  return {
    "grpc-status": String(refusal.status),
    "grpc-message": encodeGrpcMessage(refusal.message),
    [gatewayTrailers.applied]: refusal.applied,
    [gatewayTrailers.reason]: refusal.reason,
    [gatewayTrailers.retryAfterMs]: refusal.retryAfterMs === undefined ? undefined : String(refusal.retryAfterMs),
  };
}

const STATUS_OF_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid_argument: status.invalidArgument,
  timeout: status.deadlineExceeded,
  permission_denied: status.permissionDenied,
  resource_exhausted: status.resourceExhausted,
  unsupported: status.unimplemented,
  unavailable: status.unavailable,
  unauthenticated: 16,
};

/** The refusal for a call that the upstream could not be asked, or whose upstream connection was lost. */
export function refusalOfLoss(error: MillraceError, applied: Applied): Refusal {
  const code = STATUS_OF_CODE[error.code] ?? status.internal;
  return {
    status: code,
    message: error.message,
    applied,
    reason: code === status.unavailable ? (error.reason as Reason | undefined) ?? "upstream-lost" : undefined,
    retryAfterMs: error.retryAfterMs,
  };
}
