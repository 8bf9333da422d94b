import { Code, ConnectError } from "@connectrpc/connect";
import { isMillraceError } from "../core/errors.js";
import { isProtocolHeader } from "../wire/header-names.js";
import { statusOfCode } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import { DETAILS_HEADER, readDetails } from "./status-details.js";

/**
 * Connect's error for a status other than 0, with the metadata of header and trailer as Connect's own transports have
 * it. Details that are no `google.rpc.Status` stay in the metadata as they came; neither code nor text is lost to them.
 */
export function connectErrorOfStatus({ status, message, headers }: Trailers, header: Headers): ConnectError {
  const code: Code = status in Code ? status : Code.Unknown;
  const error = new ConnectError(message, code, metadataOf(headers, header));
  error.details = readDetails(headers.get(DETAILS_HEADER), status);
  return error;
}

/** Connect's error for a call that failed on this side. Our error is its `cause`. */
export function connectErrorOfFailure(error: unknown): ConnectError {
  if (!isMillraceError(error)) return ConnectError.from(error);
  return new ConnectError(error.message, statusOfCode(error.code), undefined, undefined, error);
}

/**
 * Makes an error tell why its call was aborted: Connect forgets the reason when that is an `AbortError`, as it is
 * wherever `abort()` was given none.
 */
export function withAbortReason(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true && error instanceof ConnectError && error !== signal.reason) error.cause ??= signal.reason;
  return error;
}

function metadataOf(trailer: Headers, header: Headers): Headers {
  const metadata = new Headers();
  const add = (value: string, name: string): void => {
    if (!isProtocolHeader(name) || name === DETAILS_HEADER) metadata.append(name, value);
  };
  trailer.forEach(add);
  // An answer that is its status alone has one block for both.
  if (header !== trailer) header.forEach(add);
  return metadata;
}
