import { ErrorResponse, ErrorResponse_ErrorType } from "millrace/internal/gen/static/umadb/v1/umadb";
import { StatusError } from "../service.js";

type Kind = "AUTHENTICATION" | "INTEGRITY" | "INVALID_ARGUMENT" | "CORRUPTION";

const STATUS: Record<Kind, number> = { INVALID_ARGUMENT: 3, INTEGRITY: 9, CORRUPTION: 15, AUTHENTICATION: 16 };

/** A text that quotes a long argument would not fit into the trailers, which carry it twice. */
const LONGEST_TEXT = 1_024;

/** A UmaDB error: status, text, and the raw `ErrorResponse` that UmaDB's own clients read. */
export function umadbError(kind: Kind, text: string): StatusError {
  const message = text.slice(0, LONGEST_TEXT);
  const value = ErrorResponse.encode({ message, errorType: ErrorResponse_ErrorType[kind] }).finish();
  return new StatusError(STATUS[kind], message, { details: { typeName: "umadb.v1.ErrorResponse", value } });
}

export const invalidArgument = (rule: string): StatusError => umadbError("INVALID_ARGUMENT", `invalid argument: ${rule}`);

/** A conflict. Names no stored data, unlike the real server's text. */
export const conflict = (what: string): StatusError => umadbError("INTEGRITY", `integrity error: condition failed: ${what}`);
