/**
 * What went wrong, in one word. The codes are the same for every system.
 *
 * `unavailable` may be tried again, `conflict` after reading again; the others need a change by the caller or the operator.
 */
export type ErrorCode =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "conflict"
  | "resource_exhausted"
  | "unavailable"
  | "timeout"
  | "unsupported"
  | "protocol"
  | "data_loss"
  | "internal";

/** The system that an error comes from. */
export type SystemName = "umadb" | "eventstoredb" | "kubemq" | "messagedb";

/**
 * Whether the failed call changed anything at the server. `no`: certainly not. `unknown`: it was sent and the outcome
 * never came back, so it may or may not have been applied.
 */
export type Applied = "no" | "unknown";

/** What a {@link MillraceError} carries beside its code and message. */
export interface MillraceErrorOptions {
  /** The system the call was for; left out where none was involved. */
  system?: SystemName | undefined;
  /** `no` by default. */
  applied?: Applied | undefined;
  /** The error underneath. */
  cause?: unknown;
  /** A gateway's own reason for ending the call: `drain`, `slow-consumer`, `stalled`, `upstream-lost`, `limit`, `policy`. */
  reason?: string | undefined;
  /** How long the refusing side asks to wait before another try, in milliseconds. */
  retryAfterMs?: number | undefined;
}

const BRAND = "millrace.error";

/** Every error that this library makes. The caller's own abort is the exception: it surfaces as the caller's `signal.reason`. */
export class MillraceError extends Error {
  override name = "MillraceError";
  /** What went wrong, the same word for every system. */
  readonly code: ErrorCode;
  /** The system the call was for; undefined where none was involved. */
  readonly system: SystemName | undefined;
  /** Whether the failed call may have changed anything. */
  readonly applied: Applied;
  /** Why a gateway ended the call: `drain`, `slow-consumer`, `stalled`, `upstream-lost`, `limit`, `policy`. */
  readonly reason: string | undefined;
  /** How long the refusing side asks to wait before another try, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.system = options.system;
    this.applied = options.applied ?? "no";
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    Object.defineProperty(this, Symbol.for(BRAND), { value: true });
  }
}

/**
 * True for an error made by this library, also by another copy of it in the page (where `instanceof` is false).
 *
 * @param code When given, true only for an error with that code.
 */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  if (typeof error !== "object" || error === null || !(Symbol.for(BRAND) in error)) return false;
  return code === undefined || (error as MillraceError).code === code;
}
