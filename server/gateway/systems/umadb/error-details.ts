import { fromBase64, toBase64 } from "millrace/internal/core/base64";
import { Status } from "millrace/internal/gen/static/google/rpc/status";
import { ErrorResponse, ErrorResponse_ErrorType } from "millrace/internal/gen/static/umadb/v1/umadb";
import { decodeGrpcMessage, encodeGrpcMessage } from "millrace/internal/wire/grpc-message";
import { fieldOf, type HeaderFields } from "../../exchange.js";

const DETAILS = "grpc-status-details-bin";
const TYPE_URL = "type.googleapis.com/umadb.v1.ErrorResponse";
const MAX_TEXT_CHARACTERS = 1_024;

/** UmaDB's text for an append that met an event it must not meet. */
const CONFLICT_TEXT = "integrity error: condition failed: an event that matches the condition is stored after its position";

/** How an UmaDB error ends a call: status, text, and the type that clients tell errors apart by. */
export interface UmaDbError {
  readonly status: number;
  readonly text: string;
  readonly errorType: ErrorResponse_ErrorType | undefined;
}

/** The error for an append condition that was met, where the server's own answer could not be read. */
export const conflictError: UmaDbError = { status: 9, text: CONFLICT_TEXT, errorType: ErrorResponse_ErrorType.INTEGRITY };

/** The error that trailers say; `undefined` when the call ended well. */
export function errorOf(trailers: HeaderFields): UmaDbError | undefined {
  const status = fieldOf(trailers, "grpc-status") ?? "";
  if (status === "0") return undefined;
  const details = decodeDetails(fieldOf(trailers, DETAILS));
  return {
    status: /^\d{1,2}$/.test(status) ? Number(status) : 2,
    text: details?.message ?? decodeGrpcMessage(fieldOf(trailers, "grpc-message") ?? ""),
    errorType: details?.errorType,
  };
}

/** Trailers for an error in the form that every gRPC client can read, without anything that the store holds. */
export function trailersOf(error: UmaDbError): HeaderFields {
  const message = presentable(error.text);
  return {
    "grpc-status": String(error.status),
    "grpc-message": encodeGrpcMessage(message),
    [DETAILS]: error.errorType === undefined ? undefined : encodeDetails(error.status, message, error.errorType),
  };
}

/** UmaDB's trailers as a page gets them. */
export function presentTrailers(trailers: HeaderFields): HeaderFields {
  const error = errorOf(trailers);
  return error === undefined ? trailers : { ...trailers, ...trailersOf(error) };
}

/** UmaDB writes its ErrorResponse where gRPC expects a google.rpc.Status. */
function decodeDetails(header: string | undefined): ErrorResponse | undefined {
  const bytes = header === undefined ? undefined : fromBase64(header);
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return ErrorResponse.decode(bytes);
  } catch {
    return undefined;
  }
}

function encodeDetails(code: number, message: string, errorType: ErrorResponse_ErrorType): string {
  const value = ErrorResponse.encode({ message, errorType }).finish();
  return toBase64(Status.encode({ code, message, details: [{ typeUrl: TYPE_URL, value }] }).finish(), false);
}

/** A conflict's text goes on with the whole stored event: whoever may append could read what others stored. */
function presentable(text: string): string {
  const stored = text.indexOf("matched:");
  const own = stored < 0 ? text : text.slice(0, stored).trimEnd();
  return own.length <= MAX_TEXT_CHARACTERS ? own : own.slice(0, MAX_TEXT_CHARACTERS);
}
