import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { StatusSchema, type Status } from "../../gen/es/google/rpc/status_pb.js";
import { fromBase64, toBase64 } from "../core/base64.js";
import { isMillraceError, MillraceError, type ErrorCode } from "../core/errors.js";
import { isProtocolHeader } from "../wire/header-names.js";
import { codeOfStatus } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";

const DETAILS = "grpc-status-details-bin";
const TYPE_PREFIX = "type.googleapis.com/";

const CODES: Record<ErrorCode, Code> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  conflict: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  unsupported: Code.Unimplemented,
  protocol: Code.Internal,
  data_loss: Code.DataLoss,
  internal: Code.Internal,
};

/**
 * Connect's error for a status other than 0. Details that are no `google.rpc.Status` (UmaDB's own are not) stay in the
 * metadata as they came, and neither code nor text is lost to them.
 */
export function connectErrorOfStatus({ status, message, headers }: Trailers): ConnectError {
  const error = new ConnectError(message, status as Code, metadataOf(headers));
  const details = readDetails(headers.get(DETAILS));
  if (details === undefined) return error;
  error.details = details.details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  return error;
}

/** Connect's error for a call that failed on this side. Our error is its `cause`. */
export function connectErrorOfFailure(error: unknown): ConnectError {
  if (!isMillraceError(error)) return ConnectError.from(error);
  return new ConnectError(error.message, CODES[error.code], undefined, undefined, error);
}

/**
 * How a call ended, or why it failed on this side, from what a Connect transport threw.
 *
 * @returns Trailers for a status that the server gave; our error where the call never got one.
 */
export function endOfConnectError(thrown: unknown): Trailers | MillraceError {
  const error = ConnectError.from(thrown);
  if (error.cause === undefined && error.rawMessage !== "missing trailer") return trailersOf(error);
  return failureOf(error);
}

function failureOf(error: ConnectError): MillraceError {
  const { cause, code, rawMessage } = error;
  if (isMillraceError(cause)) return cause;
  if (/not support streaming request/.test(rawMessage)) {
    return new MillraceError("unsupported", "This Connect transport cannot stream requests: use createGrpcTransport of connect-node, or a carrier of this library", { cause: error });
  }
  const refused = code === Code.Unavailable && /ECONNREFUSED|ENOTFOUND/.test(String((cause as { code?: unknown } | undefined)?.code));
  // What a transport makes of a lost connection differs; most call it unknown.
  const lost = code === Code.Unknown || code === Code.Canceled || code === Code.Aborted || rawMessage === "missing trailer";
  return new MillraceError(lost ? "unavailable" : codeOfStatus(code), "The Connect transport lost the call", { applied: refused ? "no" : "unknown", cause: error });
}

function trailersOf(error: ConnectError): Trailers {
  const headers = new Headers(error.metadata);
  const details = error.details.flatMap((detail) => ("type" in detail ? [{ typeUrl: TYPE_PREFIX + detail.type, value: detail.value }] : []));
  if (details.length > 0 && !headers.has(DETAILS)) headers.set(DETAILS, writeDetails({ code: error.code, message: error.rawMessage, details }));
  return { status: error.code, message: error.rawMessage, headers };
}

function writeDetails(status: Pick<Status, "code" | "message"> & { details: { typeUrl: string; value: Uint8Array }[] }): string {
  const details = status.details.map((any) => ({ ...any, $typeName: "google.protobuf.Any" as const }));
  return toBase64(toBinary(StatusSchema, { ...status, details, $typeName: "google.rpc.Status" }), false);
}

function readDetails(header: string | null): Status | undefined {
  const bytes = header === null ? undefined : fromBase64(header);
  if (bytes === undefined) return undefined;
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    return undefined;
  }
}

function metadataOf(headers: Headers): Headers {
  const metadata = new Headers();
  headers.forEach((value, name) => { if (!isProtocolHeader(name) || name === DETAILS) metadata.append(name, value); });
  return metadata;
}
