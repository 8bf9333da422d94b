import { MillraceError, type MillraceErrorOptions } from "../core/errors.js";
import type { ErrorReading } from "../carrier/connection.js";
import type { CheckViolation, ExpectedRevision } from "./types.js";

/** What a stream was found to be: the revision of its last event, or that it has none; `undefined` where the server does not say. */
export type ActualRevision = bigint | "no_stream" | undefined;

/**
 * The stream was not at the revision that a write expected. Nothing was written: read again, decide again.
 *
 * Where another copy of the library may be in the page, look at its `name` instead of asking `instanceof`.
 */
export class WrongExpectedVersionError extends MillraceError {
  override name = "WrongExpectedVersionError";
  /** The stream that was to be written to; empty where the server does not say. */
  readonly stream: string;
  /** What the write expected. */
  readonly expected: ExpectedRevision;
  /** What the stream was. */
  readonly actual: ActualRevision;

  constructor(stream: string, expected: ExpectedRevision, actual: ActualRevision, options: MillraceErrorOptions = {}) {
    const found = actual === undefined ? "" : actual === "no_stream" ? " and has no events" : ` and is at revision ${actual}`;
    super("conflict", `The stream ${quoted(stream)} was expected to be at ${expected}${found}`, { system: "eventstoredb", ...options });
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/** There is no such stream, or it was deleted. */
export class StreamNotFoundError extends MillraceError {
  override name = "StreamNotFoundError";
  /** The stream that was asked for. */
  readonly stream: string;

  constructor(stream: string, options: MillraceErrorOptions = {}) {
    super("not_found", `The stream ${quoted(stream)} is not found`, { system: "eventstoredb", ...options });
    this.stream = stream;
  }
}

/**
 * The stream was tombstoned: it can be neither read nor written, ever. For a write that expects the stream to exist, also
 * a stream that was only deleted.
 */
export class StreamDeletedError extends MillraceError {
  override name = "StreamDeletedError";
  /** The stream that was asked for; empty where the server does not say. */
  readonly stream: string;

  constructor(stream: string, options: MillraceErrorOptions = {}) {
    super("not_found", `The stream ${quoted(stream)} is deleted`, { system: "eventstoredb", ...options });
    this.stream = stream;
  }
}

/** The user, or nobody in particular, may not do this. Nothing was done. */
export class AccessDeniedError extends MillraceError {
  override name = "AccessDeniedError";

  constructor(message = "Access denied", options: MillraceErrorOptions = {}) {
    super("permission_denied", message, { system: "eventstoredb", ...options });
  }
}

/** The node that was asked does not lead its cluster, and the call needs the leader. Nothing was done. */
export class NotLeaderError extends MillraceError {
  override name = "NotLeaderError";
  /** The leader's host as that node knows it; empty where it does not say. */
  readonly host: string;
  /** The leader's port; 0 where the node does not say. */
  readonly port: number;

  constructor(host: string, port: number, options: MillraceErrorOptions = {}) {
    super("unavailable", "The node does not lead its cluster", { system: "eventstoredb", ...options });
    this.host = host;
    this.port = port;
  }
}

/** The events of an append, or one of them, are larger than the server takes. Nothing was written. */
export class MaximumAppendSizeError extends MillraceError {
  override name = "MaximumAppendSizeError";
  /** What the server takes, in bytes: payload, metadata and twice the length of the type. */
  readonly maxBytes: number;
  /** The event that is too large; `undefined` where all of them together are. */
  readonly eventId: string | undefined;

  constructor(maxBytes: number, eventId?: string, options: MillraceErrorOptions = {}) {
    super("invalid_argument", `${eventId === undefined ? "The events" : "An event"} of an append must have at most ${maxBytes} bytes`, { system: "eventstoredb", ...options });
    this.maxBytes = maxBytes;
    this.eventId = eventId;
  }
}

/** Streams were not as the checks of a write demanded. Nothing was written. */
export class AppendConsistencyError extends MillraceError {
  override name = "AppendConsistencyError";
  /** Each check that did not hold. */
  readonly violations: readonly CheckViolation[];

  constructor(violations: readonly CheckViolation[], options: MillraceErrorOptions = {}) {
    super("conflict", `${violations.length} of the streams that were checked are not as expected`, { system: "eventstoredb", ...options });
    this.violations = violations;
  }
}

/** Longer texts of the server are cut. */
const MAX_TEXT = 1_024;

/** EventStoreDB's reading of a status other than 0: what the trailer `exception` says wins over the status. */
export const toEventStoreDbError: ErrorReading = (trailers, method, sent, general) => {
  const { headers } = trailers;
  const text = (name: string): string => headers.get(name) ?? "";
  const stream = text("stream-name");
  switch (headers.get("exception")) {
    case "access-denied": return new AccessDeniedError();
    case "stream-deleted": return new StreamDeletedError(stream);
    case "stream-not-found": return new StreamNotFoundError(stream);
    case "wrong-expected-version":
      return new WrongExpectedVersionError(stream, expectedOf(text("expected-version")), actualOf(text("actual-version")));
    case "not-leader": return new NotLeaderError(text("leader-endpoint-host"), Number(text("leader-endpoint-port")));
    case "maximum-append-size-exceeded": return new MaximumAppendSizeError(Number(text("maximum-append-size")));
    case "maximum-append-event-size-exceeded":
      return new MaximumAppendSizeError(Number(text("maximum-append-event-size")), text("event-id"));
    default: return byStatus(trailers, method, sent, general);
  }
};

const byStatus: ErrorReading = (trailers, method, sent, general) => {
  const { headers, status } = trailers;
  const message = trailers.message.slice(0, MAX_TEXT);
  // The server gave up on it, whatever the status is called elsewhere.
  if (status === 10 && !headers.has("grpc-status-details-bin")) {
    return new MillraceError("timeout", message, { system: "eventstoredb", applied: method.repeatable ? "no" : "unknown" });
  }
  if (status === 2 && message.startsWith("No leader info")) return new MillraceError("unavailable", message, { system: "eventstoredb" });
  return general({ ...trailers, message }, "eventstoredb", sent);
};

/** The number that the server writes for what was expected. */
function expectedOf(version: string): ExpectedRevision {
  return version === "-1" ? "no_stream" : version === "-4" ? "stream_exists" : (revisionOf(version) ?? "any");
}

function actualOf(version: string): ActualRevision {
  return version === "-1" ? "no_stream" : revisionOf(version);
}

function revisionOf(version: string): bigint | undefined {
  return /^\d{1,20}$/.test(version) ? BigInt(version) : undefined;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
