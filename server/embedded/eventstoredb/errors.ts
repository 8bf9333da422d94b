import { StatusError } from "../service.js";

/** What a trailer may hold as it is; all else is percent-encoded. */
const PLAIN = /[^\x20-\x7e]+/gu;

/** An error that the system's clients know by its `exception` trailer. */
export function exception(status: number, name: string, message: string, fields: Readonly<Record<string, string>> = {}): StatusError {
  const headers: Record<string, string> = { exception: name };
  for (const [key, value] of Object.entries(fields)) headers[key] = value.replace(PLAIN, encodeURIComponent);
  return new StatusError(status, message, { headers });
}

export const accessDenied = (): StatusError => exception(7, "access-denied", "Access Denied");
export const streamDeleted = (stream: string): StatusError =>
  exception(9, "stream-deleted", `Event stream '${stream}' is deleted.`, { "stream-name": stream });
export const unauthenticated = (): StatusError => new StatusError(16, "Unauthenticated");
export const invalid = (text: string): StatusError => new StatusError(3, text);
/** What the real server says wherever its own code throws. */
export const handlerFailed = (): StatusError => new StatusError(2, "Exception was thrown by handler.");

export function wrongVersionOnDelete(stream: string, wanted: bigint, actual: bigint): StatusError {
  return exception(
    9,
    "wrong-expected-version",
    `Delete failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${wanted}, Actual version: ${actual}`,
    { "stream-name": stream, "expected-version": String(wanted), "actual-version": String(actual) },
  );
}

export function appendTooLarge(limit: number): StatusError {
  return exception(3, "maximum-append-size-exceeded", `Maximum Append Size of ${limit} Exceeded.`, { "maximum-append-size": String(limit) });
}

export function metadataMissing(property: string): StatusError {
  return exception(3, "missing-required-metadata-property", `Required Metadata Property '${property}' is missing`, {
    "required-metadata-properties": "type,content-type",
  });
}
