import { MillraceError, type MillraceErrorOptions } from "../core/errors.js";
import type { ErrorReading } from "../carrier/connection.js";

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

/** Longer texts of the server are cut. */
const MAX_TEXT = 1_024;

/**
 * UmaDB's reading of a status other than 0 of a call that appends nothing: such a status says what the details beside
 * it say. What an append's may mean is loaded with `append()`.
 */
export const toUmaDbError: ErrorReading = (trailers, _method, sent, general) =>
  general({ ...trailers, message: trailers.message.slice(0, MAX_TEXT) }, "umadb", sent);
