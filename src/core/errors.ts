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

/**
 * Why a connection or a gateway ended a call that the server itself did not answer:
 *
 * - `drain`: the gateway, or the server behind it, is shutting down; connect again.
 * - `stalled`: the answer was left unread for too long.
 * - `upstream-lost`: the connection to the server was not made, broke, or went silent.
 * - `limit`: a limit of the gateway or of a connection is reached.
 * - `policy`: the gateway's policy does not allow the call.
 *
 * A newer gateway may send other words, so do not take these for all there are.
 */
export type EndReason = "drain" | "stalled" | "upstream-lost" | "limit" | "policy" | (string & Record<never, never>);

/** What a {@link MillraceError} carries beside its code and message. */
export interface MillraceErrorOptions {
  /** The system the call was for; left out where none was involved. */
  system?: SystemName | undefined;
  /** `no` by default. */
  applied?: Applied | undefined;
  /** The error underneath. */
  cause?: unknown;
  /** Why a connection or a gateway ended the call; left out where the error has another origin. */
  reason?: EndReason | undefined;
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
  /** Why a connection or a gateway ended the call; undefined where the error has another origin, such as the server's own answer. */
  readonly reason: EndReason | undefined;
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
