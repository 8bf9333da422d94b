import { fromBase64 } from "../core/base64.js";
import { MillraceError, type Applied, type ErrorCode, type MillraceErrorOptions } from "../core/errors.js";
import { codeOfStatus, errorOfTrailers } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import { decodeError } from "./codec.js";

/**
 * An event past `condition.after` matches the append's condition. Nothing was recorded: read again, decide again.
 *
 * Where another copy of the library may be in the page, look at its `name` instead of asking `instanceof`.
 */
export class AppendConditionError extends MillraceError {
  override name = "AppendConditionError";

  constructor(message: string, options: MillraceErrorOptions = {}) {
    super("conflict", message, { system: "umadb", ...options });
  }
}

/** The append's tracking position is not past the one recorded for its source: this work was done before. Nothing was recorded. */
export class TrackingConflictError extends MillraceError {
  override name = "TrackingConflictError";
  /** The position recorded for the source; `undefined` where the server did not say. */
  readonly recorded: bigint | undefined;

  constructor(message: string, options: MillraceErrorOptions & { recorded?: bigint | undefined } = {}) {
    super("conflict", message, { system: "umadb", ...options });
    this.recorded = options.recorded;
  }
}

/** Longer texts of the server are cut; a conflict's own holds a whole stored event. */
const MAX_TEXT = 1_024;

/** What each `ErrorType` of the server means, by its number. */
const CODES: readonly ErrorCode[] = ["internal", "invalid_argument", "conflict", "data_loss", "internal", "unauthenticated", "invalid_argument"];
const INTEGRITY = 2;

/** With these the server refuses a request; it does nothing else with it. */
const REFUSALS: readonly ErrorCode[] = ["conflict", "invalid_argument", "unauthenticated"];

const TRACKING = /^\w+ error: condition failed: non-increasing tracking position for source [^]*?(\d+)?$/i;

/**
 * UmaDB's reading of a status other than 0.
 *
 * @param sent What `applied` is unless a gateway or the server's text says otherwise.
 */
export function toUmaDbError(trailers: Trailers, _method: unknown, sent: Applied): MillraceError {
  const details = errorDetails(trailers.headers.get("grpc-status-details-bin"));
  const message = withoutStoredData(details?.message || trailers.message);
  const bystander = isBystander(trailers);
  const code = bystander ? "unavailable" : (details && CODES[details.errorType]) ?? codeOfStatus(trailers.status);
  const general = errorOfTrailers({ ...trailers, message }, "umadb", bystander || REFUSALS.includes(code) ? "no" : sent);
  if (code !== "conflict" || (details ? details.errorType !== INTEGRITY : trailers.status !== 9)) {
    return new MillraceError(code, general.message, general);
  }
  const tracking = TRACKING.exec(message);
  if (tracking === null) return new AppendConditionError(general.message, general);
  const { applied, reason, retryAfterMs } = general;
  return new TrackingConflictError(general.message, { applied, reason, retryAfterMs, recorded: tracking[1] === undefined ? undefined : BigInt(tracking[1]) });
}

/**
 * Whether an append failed because another caller's was cancelled or broke their common batch. Nothing of it was
 * written; sending it again is right.
 */
export function isBystander(trailers: Trailers): boolean {
  return trailers.status === 13 && (trailers.message === "cancelled by user" || trailers.message.includes("batch aborted due to internal error"));
}

/**
 * The server's own error, from `grpc-status-details-bin`: bare, as the server sends it, or inside a
 * `google.rpc.Status`, as our gateway does. Whatever cannot be read is no details, and neither is what says nothing:
 * bytes that are something else decode to that.
 */
function errorDetails(header: string | null): ReturnType<typeof decodeError> | undefined {
  try {
    const details = decodeError(fromBase64(header ?? "") ?? new Uint8Array(0));
    return details.message === "" ? undefined : details;
  } catch {
    return undefined;
  }
}

/** Leaves out the stored event that a conflict's text goes on to print, and bounds the rest. */
function withoutStoredData(text: string): string {
  return text.replace(/ matched: [^]*/, "").slice(0, MAX_TEXT);
}
