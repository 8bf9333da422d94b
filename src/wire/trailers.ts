import { fromLatin1, toLatin1 } from "../core/bytes.js";
import { MillraceError } from "../core/errors.js";
import { decodeGrpcMessage, encodeGrpcMessage } from "./grpc-message.js";

/** The status and metadata with which a server ended a call. */
export interface Trailers {
  /** The gRPC status code: 0 to 16, or a number of the server's own. */
  status: number;
  /** The status text, percent-decoded; may be empty. */
  message: string;
  /** All trailing metadata, `grpc-status-details-bin` included. */
  headers: Headers;
}

/**
 * Trailers from a gRPC-Web trailer block: lines of `name: value`, ended by CRLF or LF, names in any case, repeated
 * names joined by a comma as HTTP does. Binary values (`-bin`) stay base64 text.
 *
 * @throws {MillraceError} `protocol` when it is none or holds no proper `grpc-status`.
 */
export function parseTrailers(block: Uint8Array): Trailers {
  const headers = new Headers();
  for (const line of fromLatin1(block).split(/\r?\n/)) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    try {
      headers.append(line.slice(0, Math.max(colon, 0)).trim(), line.slice(colon + 1).trim());
    } catch (cause) {
      throw malformed("The trailers hold a line that is no header", cause);
    }
  }
  const trailers = trailersOfHeaders(headers);
  if (trailers === undefined) throw malformed("The trailers hold no grpc-status");
  return trailers;
}

/**
 * Trailers from headers that hold a status: HTTP/2 trailers, or the response headers of an answer that is nothing else.
 *
 * @param headers Becomes the metadata as it is.
 * @returns `undefined` when there is no `grpc-status`.
 * @throws {MillraceError} `protocol` when `grpc-status` is no status.
 */
export function trailersOfHeaders(headers: Headers): Trailers | undefined {
  const status = headers.get("grpc-status");
  if (status === null) return undefined;
  if (!/^(0|[1-9]\d{0,2})$/.test(status)) throw malformed("The grpc-status is not a number");
  return { status: Number(status), message: decodeGrpcMessage(headers.get("grpc-message") ?? ""), headers };
}

/**
 * A trailer block for gRPC-Web: lower-case names, CRLF after each line. `status` and `message` win over what
 * `headers` says of them.
 */
export function serializeTrailers({ status, message, headers }: Trailers): Uint8Array<ArrayBuffer> {
  let text = `grpc-status: ${status}\r\n`;
  if (message !== "") text += `grpc-message: ${encodeGrpcMessage(message)}\r\n`;
  headers.forEach((value, name) => {
    if (name !== "grpc-status" && name !== "grpc-message") text += `${name}: ${value}\r\n`;
  });
  return toLatin1(text);
}

function malformed(message: string, cause?: unknown): MillraceError {
  return new MillraceError("protocol", message, { applied: "unknown", cause });
}
