import { validateHeaderName, validateHeaderValue } from "node:http";
import type { OutgoingHttpHeaders } from "node:http2";
import { MillraceError } from "../../core/errors.js";
import { isProtocolHeader } from "../../wire/header-names.js";
import { encodeGrpcTimeout } from "../../wire/timeout.js";
import type { UpstreamRequest } from "./types.js";

/** Request headers in all, as HTTP/2 counts them (name, value and 32 bytes each). Servers refuse more without a gRPC status. */
export const MAX_REQUEST_HEADER_BYTES = 16 * 1024;

/**
 * The HTTP/2 headers of a request.
 *
 * @throws {MillraceError} `invalid_argument` for a header that is malformed or the protocol's own, and above 16 KiB.
 *   Nothing was sent.
 */
export function requestHeaders(request: UpstreamRequest, url: URL, secure: boolean): OutgoingHttpHeaders {
  const prefix = url.pathname.replace(/\/+$/, "");
  const headers: OutgoingHttpHeaders = {
    ":method": "POST",
    ":scheme": secure ? "https" : "http",
    ":authority": url.host,
    ":path": prefix + request.path,
    "content-type": "application/grpc+proto",
    te: "trailers",
    "grpc-accept-encoding": "identity",
    "user-agent": "millrace",
  };
  if (request.timeoutMs !== undefined) headers["grpc-timeout"] = encodeGrpcTimeout(request.timeoutMs);
  for (const [name, value] of Object.entries(request.headers)) {
    check(name, value);
    headers[name] = value;
  }
  const bytes = sizeOf(headers);
  if (bytes > MAX_REQUEST_HEADER_BYTES) {
    throw new MillraceError("invalid_argument", `The request headers have ${bytes} bytes, ${MAX_REQUEST_HEADER_BYTES} are allowed`);
  }
  return headers;
}

function check(name: string, value: string | string[]): void {
  try {
    validateHeaderName(name);
    for (const each of Array.isArray(value) ? value : [value]) validateHeaderValue(name, each);
  } catch {
    // The platform's own error may quote the value.
    throw new MillraceError("invalid_argument", `The header "${name}" has a name or value that HTTP does not allow`);
  }
  if (isProtocolHeader(name)) throw new MillraceError("invalid_argument", `The header "${name}" is set by the carrier and cannot be given`);
}

/** Every character of a header travels as one byte: none above 0xff passes `check`. */
function sizeOf(headers: OutgoingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) bytes += name.length + String(each).length + 32;
  }
  return bytes;
}
