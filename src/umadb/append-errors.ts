import type { Applied, ErrorCode, MillraceError } from "../core/errors.js";
import type { ViewReader } from "../wire/view-reader.js";
import type { Trailers } from "../wire/trailers.js";
import type { ErrorReading } from "../carrier/connection.js";
import type { AppendTools } from "./append-tools.js";

/** Longer texts of the server are cut; a conflict's own holds a whole stored event. */
const MAX_TEXT = 1_024;

/** What each `ErrorType` of the server means, by its number. */
const CODES: readonly ErrorCode[] = ["internal", "invalid_argument", "conflict", "data_loss", "internal", "unauthenticated", "invalid_argument"];
const INTEGRITY = 2;

/** With these the server refuses a request; it does nothing else with it. */
const REFUSALS: readonly ErrorCode[] = ["conflict", "invalid_argument", "unauthenticated"];

const TRACKING = /^\w+ error: condition failed: non-increasing tracking position for source [^]*?(\d+)?$/i;

/**
 * UmaDB's reading of a status other than 0 of an append.
 *
 * @param sent What `applied` is unless a gateway or the server's text says otherwise.
 * @param errorOf Makes the error that the status is by itself.
 */
export function toAppendError(trailers: Trailers, sent: Applied, errorOf: Parameters<ErrorReading>[3], tools: AppendTools): MillraceError {
  const details = errorDetails(trailers.headers.get("grpc-status-details-bin"), tools);
  const message = withoutStoredData(details?.message || trailers.message);
  const bystander = isBystander(trailers);
  const generally = (applied: Applied): MillraceError => errorOf({ ...trailers, message }, "umadb", applied);
  const code = bystander ? "unavailable" : (details && CODES[details.errorType]) ?? generally(sent).code;
  const general = generally(bystander || REFUSALS.includes(code) ? "no" : sent);
  if (code !== "conflict" || (details ? details.errorType !== INTEGRITY : trailers.status !== 9)) {
    return new tools.MillraceError(code, general.message, general);
  }
  const tracking = TRACKING.exec(message);
  if (tracking === null) return new tools.AppendConditionError(general.message, general);
  const { applied, reason, retryAfterMs } = general;
  const recorded = tracking[1] === undefined ? undefined : BigInt(tracking[1]);
  return new tools.TrackingConflictError(general.message, { applied, reason, retryAfterMs, recorded });
}

/**
 * Whether an append failed because another caller's was cancelled or broke their common batch. Nothing of it was
 * written; sending it again is right.
 */
function isBystander({ status, message }: Trailers): boolean {
  return status === 13 && (message === "cancelled by user" || message.includes("batch aborted due to internal error"));
}

/** Leaves out the stored event that a conflict's text goes on to print, and bounds the rest. */
function withoutStoredData(text: string): string {
  return text.replace(/ matched: [^]*/, "").slice(0, MAX_TEXT);
}

interface ErrorDetails {
  readonly message: string;
  readonly errorType: number;
}

/**
 * The server's own error, from `grpc-status-details-bin`: bare, as the server sends it, or inside a
 * `google.rpc.Status`, as our gateway does. Whatever cannot be read is no details, and neither is what says nothing:
 * bytes that are something else decode to that.
 */
function errorDetails(header: string | null, { ViewReader: Reader }: AppendTools): ErrorDetails | undefined {
  try {
    const bytes = Uint8Array.from(atob(header ?? ""), (character) => character.charCodeAt(0));
    const details = decodeError(new Reader(bytes, "umadb"), bytes.length);
    return details.message === "" ? undefined : details;
  } catch {
    return undefined;
  }
}

/** An ErrorResponse up to `end`: bare, or inside the `details` of a google.rpc.Status. */
function decodeError(reader: ViewReader, end: number): ErrorDetails {
  let message = "";
  let errorType = 0;
  let inside: ErrorDetails | undefined;
  // Field 1 is a text here and a number in a Status, so the first byte tells them apart.
  const isStatus = reader.bytes[reader.at] === 8;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) message = reader.text();
    else if (key === 16) errorType = reader.uint32();
    else if (key === 26 && isStatus) inside = errorInAny(reader, reader.span()) ?? inside;
    else reader.skip(key);
  }
  return inside ?? { message, errorType };
}

function errorInAny(reader: ViewReader, end: number): ErrorDetails | undefined {
  let typeUrl = "";
  let value = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) typeUrl = reader.text();
    else {
      if (key === 18) value = reader.at;
      reader.skip(key);
    }
  }
  if (value === 0 || !typeUrl.endsWith("/umadb.v1.ErrorResponse")) return undefined;
  reader.at = value;
  const details = decodeError(reader, reader.span());
  reader.at = end;
  return details;
}
