import { fromBase64 } from "../core/base64.js";
import { MillraceError, type MillraceErrorOptions } from "../core/errors.js";
import type { Connection, ErrorReading } from "../carrier/connection.js";
import { invokeUnary } from "../carrier/invoke.js";
import { decodeWhole } from "../protobuf/decode.js";
import { eventstoredbMethods, type Method } from "../wire/methods.js";
import { ErrorInfo } from "../../gen/static/google/rpc/error_details.js";
import { Status } from "../../gen/static/google/rpc/status.js";
import {
  AppendRecordsRequest, AppendRecordsResponse, AppendRequest, AppendSessionResponse, type AppendRecord, type ConsistencyCheck,
} from "../../gen/static/kurrentdb/protocol/v2/streams/streams.js";
import {
  AppendConsistencyViolationErrorDetails, AppendRecordSizeExceededErrorDetails, AppendTransactionSizeExceededErrorDetails,
  StreamRevisionConflictErrorDetails, StreamTombstonedErrorDetails,
} from "../../gen/static/kurrentdb/protocol/v2/streams/errors/errors.js";
import { NotLeaderNodeErrorDetails } from "../../gen/static/kurrent/rpc/errors.js";
import { toWireEvents } from "./append.js";
import { expectedRevision, list, name, record, revision, wrong } from "./check.js";
import {
  AccessDeniedError, AppendConsistencyError, MaximumAppendSizeError, NotLeaderError, StreamDeletedError, toEventStoreDbError, WrongExpectedVersionError,
} from "./errors.js";
import type { AppendRecordsOptions } from "./options.js";
import type { CallOptions } from "../core/options.js";
import type { Store } from "./store.js";
import type { ExpectedRevision, MultiAppendResult, NewEvent, NewRecord, StreamAppend, StreamCheck, StreamState } from "./types.js";

/** The server recognises a repeat by the records' ids. */
const SESSION: Method = { ...eventstoredbMethods.appendSession, recognised: true };
const RECORDS: Method = { ...eventstoredbMethods.appendRecords, recognised: true };

const STATES: readonly (readonly [StreamState, bigint])[] = [["no_stream", -1n], ["any", -2n], ["stream_exists", -4n], ["deleted", -5n], ["tombstoned", -6n]];

/** Appends to several streams atomically, each with its own expectation. */
export async function appendToStreams<Data>(store: Store<Data>, appends: readonly StreamAppend<Data>[], options: CallOptions): Promise<MultiAppendResult> {
  const given = list(appends, "appends");
  if (given.length === 0) throw wrong("appends", appends, "must not be empty");
  const seen = new Set<string>();
  const requests = given.map((append, index) => {
    const path = `appends[${index}]`;
    const { stream, events, expectedRevision: expected } = record(append, path, ["stream", "events", "expectedRevision"]);
    const target = name(stream, `${path}.stream`);
    // The server compares their names without regard to case.
    if (seen.has(target.toLowerCase())) throw wrong(`${path}.stream`, stream, "must be given once");
    seen.add(target.toLowerCase());
    const records = toRecords(store, list(events, `${path}.events`) as readonly NewEvent<Data>[]);
    if (records.length === 0) throw wrong(`${path}.events`, events, "must not be empty");
    return AppendRequest.encode({ stream: target, records, expectedRevision: numberOf(expectedRevision(expected, `${path}.expectedRevision`)) }).finish();
  });
  const { output, position } = await ask(store, SESSION, requests, options, AppendSessionResponse);
  return { streams: output.map(({ stream = "", streamRevision = 0n }) => ({ stream, revision: streamRevision })), position: position ?? 0n };
}

/** Appends records of several streams atomically, in the given order, where every check holds. */
export async function appendRecords<Data>(store: Store<Data>, records: readonly NewRecord<Data>[], options: AppendRecordsOptions): Promise<MultiAppendResult> {
  const { checks = [], ...call } = options;
  const given = list(records, "records");
  if (given.length === 0) throw wrong("records", records, "must not be empty");
  const wire = given.map((one, index) => {
    const { stream, ...event } = record(one, `records[${index}]`, ["stream", "type", "data", "metadata", "contentType", "id"]);
    return { ...(toRecords(store, [event as unknown as NewEvent<Data>])[0] as AppendRecord), stream: name(stream, `records[${index}].stream`) };
  });
  const request = AppendRecordsRequest.encode({ records: wire, checks: list(checks, "options.checks").map(toCheck) }).finish();
  const { revisions, position } = await ask(store, RECORDS, [request], call, AppendRecordsResponse);
  return { streams: revisions.map(({ stream = "", revision: last = 0n }) => ({ stream, revision: last })), position: position ?? 0n };
}

function toCheck(value: unknown, index: number): ConsistencyCheck {
  const path = `options.checks[${index}]`;
  const { stream, expected } = record(value as StreamCheck, path, ["stream", "expected"]);
  const state = revision(expected, `${path}.expected`, ["no_stream", "stream_exists", "deleted", "tombstoned"]);
  return { type: { $case: "streamState", value: { stream: name(stream, `${path}.stream`), expectedState: numberOf(state) } } };
}

function toRecords<Data>(store: Store<Data>, events: readonly NewEvent<Data>[]): AppendRecord[] {
  return toWireEvents(events, store.codec).map(({ id, metadata, customMetadata, data }, index) => {
    const type = metadata.get("type") as string;
    if (!/^[\p{L}\p{Nd}_.$:-]+$/u.test(type)) throw wrong(`events[${index}].type`, type, "must hold letters, digits and _ . $ : - only");
    return {
      recordId: id?.value?.value as string,
      properties: propertiesOf(customMetadata, `events[${index}].metadata`),
      schema: { format: metadata.get("content-type") === "application/json" ? 1 : 4, name: type.normalize(), id: undefined },
      data,
      stream: undefined,
    };
  });
}

/** The writer's metadata as the properties that this protocol has instead. */
function propertiesOf(metadata: Uint8Array, path: string): Map<string, unknown> {
  if (metadata.length === 0) return new Map();
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(metadata));
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, metadata, "must hold a JSON object");
  return new Map(Object.entries(value));
}

function numberOf(state: StreamState): bigint {
  return typeof state === "bigint" ? state : (STATES.find(([word]) => word === state) as [StreamState, bigint])[1];
}

function stateOf(number: bigint): StreamState {
  return STATES.find(([, code]) => code === number)?.[0] ?? number;
}

async function ask<Answer>(
  store: Store<unknown>, method: Method, requests: readonly Uint8Array[], options: CallOptions, codec: Parameters<typeof decodeWhole<Answer>>[0],
): Promise<Answer> {
  const connection: Connection = { ...store.connection, toError };
  const answer = await invokeUnary(connection, method, requests, options);
  try {
    return decodeWhole(codec, answer);
  } catch (cause) {
    throw new MillraceError("protocol", "The server's answer to a write cannot be read", { system: "eventstoredb", applied: "unknown", cause });
  }
}

/** What a status of this protocol's says is in its details; where it has none it is one of the older protocol's. */
const toError: ErrorReading = (trailers, method, sent, general) => {
  if (trailers.status === 12) {
    return new MillraceError("unsupported", `The server does not offer ${method.path}: writing to several streams at once needs KurrentDB ${method === SESSION ? "25.1" : "26.1"}`, { system: "eventstoredb" });
  }
  const plain = toEventStoreDbError(trailers, method, sent, general);
  const { code, message, reason, retryAfterMs, applied } = plain;
  const details = detailsOf(trailers.headers.get("grpc-status-details-bin"));
  if (details === undefined) return plain;
  const refused: MillraceErrorOptions = { reason, retryAfterMs };
  try {
    switch (details.reason) {
      case "STREAM_REVISION_CONFLICT": {
        const { stream, expectedRevision: expected, actualRevision: actual } = StreamRevisionConflictErrorDetails.decode(details.more);
        return new WrongExpectedVersionError(stream, stateOf(expected) as ExpectedRevision, actual === -1n ? "no_stream" : actual < 0n ? undefined : actual, refused);
      }
      case "STREAM_TOMBSTONED": return new StreamDeletedError(StreamTombstonedErrorDetails.decode(details.more).stream, refused);
      case "APPEND_CONSISTENCY_VIOLATION": {
        const { violations } = AppendConsistencyViolationErrorDetails.decode(details.more);
        return new AppendConsistencyError(violations.map(({ checkIndex, type }) => {
          const { stream = "", expectedState = 0n, actualState = 0n } = type?.value ?? {};
          return { check: checkIndex, stream, expected: stateOf(expectedState), actual: stateOf(actualState) };
        }), refused);
      }
      case "ACCESS_DENIED": return new AccessDeniedError(undefined, refused);
      case "APPEND_RECORD_SIZE_EXCEEDED": {
        const { maxSize, recordId } = AppendRecordSizeExceededErrorDetails.decode(details.more);
        return new MaximumAppendSizeError(maxSize, recordId, refused);
      }
      case "APPEND_TRANSACTION_SIZE_EXCEEDED": return new MaximumAppendSizeError(AppendTransactionSizeExceededErrorDetails.decode(details.more).maxSize, undefined, refused);
      case "NOT_LEADER_NODE": {
        const { host = "", port = 0 } = NotLeaderNodeErrorDetails.decode(details.more).currentLeader ?? {};
        return new NotLeaderError(host, port, refused);
      }
      case "STREAM_ALREADY_IN_APPEND_SESSION":
      case "APPEND_SESSION_NO_REQUESTS": return new MillraceError("invalid_argument", message, { ...refused, system: "eventstoredb" });
      default: return new MillraceError(code, message, { ...refused, system: "eventstoredb", applied });
    }
  } catch {
    return plain;
  }
};

/** The reason and the one specific message of a status; `undefined` where it has none that can be read. */
function detailsOf(header: string | null): { reason: string; more: Uint8Array } | undefined {
  const bytes = header === null ? undefined : fromBase64(header);
  if (bytes === undefined) return undefined;
  try {
    const { details } = Status.decode(bytes);
    const info = details.find(({ typeUrl }) => typeUrl.endsWith("/google.rpc.ErrorInfo"));
    const more = details.find((one) => one !== info)?.value ?? new Uint8Array(0);
    return info && { reason: ErrorInfo.decode(info.value).reason, more };
  } catch {
    return undefined;
  }
}
