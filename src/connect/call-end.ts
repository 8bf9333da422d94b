import { Code, ConnectError } from "@connectrpc/connect";
import { neverStood } from "../core/network-error.js";
import { isMillraceError, MillraceError } from "../core/errors.js";
import { codeOfStatus } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import { DETAILS_HEADER, writeDetails } from "./status-details.js";

/** What Connect's transports say of an answer that broke off before its end. */
const CUT = /^(missing (trailer|response body)|protocol error: (missing (status|trailer)|incomplete envelope|promised \d+ bytes, received \d+)|http\/2 .*|sentinel completed early)$/;

/** What they say of an answer that is none. */
const MALFORMED = /^(protocol error: .*|missing message|extra (message|trailer|data for trailers-only))$/;

/** What those of connect-web say of every method whose requests are a stream. Nothing was sent. */
const NO_REQUEST_STREAM = /not support streaming request bodies/;

/**
 * How a call ended, or why it failed on this side, from what a Connect transport threw.
 *
 * @returns Trailers for a status that the server gave; our error where the call never got one.
 */
export function endOfConnectError(thrown: unknown): Trailers | MillraceError {
  const error = ConnectError.from(thrown);
  return isStatus(error) ? trailersOf(error) : failureOf(error);
}

/**
 * Connect's errors do not say who made them. The server's hold the headers that they came with; the Connect protocol
 * has none with a status, there what has no cause and none of a transport's own texts is the server's.
 */
function isStatus({ cause, metadata, rawMessage }: ConnectError): boolean {
  if (metadata.has("grpc-status")) return true;
  return cause === undefined && ![CUT, MALFORMED, NO_REQUEST_STREAM].some((text) => text.test(rawMessage));
}

function trailersOf(error: ConnectError): Trailers {
  const headers = new Headers(error.metadata);
  if (error.details.length > 0 && !headers.has(DETAILS_HEADER)) headers.set(DETAILS_HEADER, writeDetails(error));
  return { status: error.code, message: error.rawMessage, headers };
}

function failureOf(error: ConnectError): MillraceError {
  const { cause, rawMessage } = error;
  if (isMillraceError(cause)) return cause;
  if (NO_REQUEST_STREAM.test(rawMessage)) {
    return new MillraceError("unsupported", "This Connect transport sends no stream of requests: use createGrpcTransport of @connectrpc/connect-node, or a carrier of this library", { cause: error });
  }
  if (MALFORMED.test(rawMessage) && !CUT.test(rawMessage)) {
    return new MillraceError("protocol", "The answer is not what the Connect transport expects", { applied: "unknown", cause: error });
  }
  if (isLoss(error)) {
    return new MillraceError("unavailable", "The Connect transport did not reach the server, or lost the connection", { applied: neverStood(cause) ? "no" : "unknown", cause: error });
  }
  if (error.code === Code.DataLoss) {
    return new MillraceError("data_loss", "The Connect transport could not read the server's error", { applied: "unknown", cause: error });
  }
  return new MillraceError(error.code === Code.Unknown ? "internal" : codeOfStatus(error.code), "The Connect transport failed", { applied: "unknown", cause: error });
}

/** `fetch` calls a lost connection a TypeError, without saying more; Node gives it a code. */
function isLoss({ cause, code, rawMessage }: ConnectError): boolean {
  if (CUT.test(rawMessage) || cause instanceof TypeError) return true;
  return code === Code.Unavailable || code === Code.Aborted || code === Code.Canceled || hasSystemCode(cause);
}

function hasSystemCode(error: unknown, depth = 0): boolean {
  const { code, cause } = Object(error) as { code?: unknown; cause?: unknown };
  return (typeof code === "string" && /^(E[A-Z]|ERR_|UND_ERR_)/.test(code)) || (cause !== undefined && depth < 4 && hasSystemCode(cause, depth + 1));
}
