import { MillraceError } from "../core/errors.js";
import type { PayloadCodec } from "../core/codec.js";
import { parseUuid, randomUuid } from "../core/uuid.js";
import { decodeWhole, type Decoder } from "../protobuf/decode.js";
import type { StreamIdentifier } from "../../gen/static/event_store/client/shared.js";
import { AppendReq, AppendResp, DeleteReq, DeleteResp, type AppendReq_Options, type AppendReq_ProposedMessage } from "../../gen/static/event_store/client/streams/streams.js";
import { invokeUnary } from "../carrier/invoke.js";
import { eventstoredbMethods, type Method } from "../wire/methods.js";
import { bytes, list, name, record, wrong } from "./check.js";
import { WrongExpectedVersionError, type ActualRevision } from "./errors.js";
import { headersOf } from "./leader.js";
import type { WriteOptions } from "./options.js";
import type { Store } from "./store.js";
import type { AppendResult, DeleteResult, ExpectedRevision, NewEvent, Position } from "./types.js";

/** The largest append that is sent, in bytes. */
const MAX_REQUEST_BYTES = 16_777_216;

/** The server recognises an append by its events' ids, so that it may be sent again when its answer is lost. */
const APPEND: Method = { ...eventstoredbMethods.append, recognised: true };

/** What an append writes, checked and encoded as the parts of its events. */
export interface PreparedAppend {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly AppendReq_ProposedMessage[];
}

/** Checks events and fills in what they leave out. */
export function toWireEvents<Data>(events: readonly NewEvent<Data>[], codec: PayloadCodec<Data> | undefined): AppendReq_ProposedMessage[] {
  return list(events, "events").map((given, index) => {
    const path = `events[${index}]`;
    const { type, data, metadata, contentType = "application/octet-stream", id } = record(given, path, ["type", "data", "metadata", "contentType", "id"]);
    const known = id === undefined ? randomUuid() : typeof id === "string" ? parseUuid(id) : undefined;
    if (known === undefined || /^[0-]+$/.test(known)) throw wrong(`${path}.id`, id, "must be a UUID that is not all zero");
    if (contentType !== "application/json" && contentType !== "application/octet-stream") {
      throw wrong(`${path}.contentType`, contentType, 'must be "application/json" or "application/octet-stream"');
    }
    const stored = codec === undefined ? { type, data } : codec.encode({ type: name(type, `${path}.type`), data: data as Data });
    return {
      id: { value: { $case: "string", value: known } },
      metadata: new Map([["type", name(stored.type, `${path}.type`)], ["content-type", contentType]]),
      customMetadata: metadata === undefined ? new Uint8Array(0) : bytes(metadata, `${path}.metadata`),
      data: bytes(stored.data, `${path}.data`),
    };
  });
}

/**
 * Sends an append by a call of its own.
 *
 * @throws {WrongExpectedVersionError} Nothing was written.
 */
export async function append<Data>(store: Store<Data>, { stream, expected, events }: PreparedAppend, options: WriteOptions): Promise<AppendResult> {
  const messages = [
    AppendReq.encode({ content: { $case: "options", value: { streamIdentifier: toWireStream(stream), expectedStreamRevision: toWireExpected(expected) } } }).finish(),
    ...events.map((event) => AppendReq.encode({ content: { $case: "proposedMessage", value: event } }).finish()),
  ];
  const size = messages.reduce((sum, message) => sum + message.length + 5, 0);
  if (size > MAX_REQUEST_BYTES) throw wrong("events", events, `must fit into one request of ${MAX_REQUEST_BYTES} bytes, not ${size}`);
  const { result } = decoded(AppendResp, await invokeUnary(store.connection, APPEND, messages, callOf(options)));
  if (result === undefined) throw unreadable();
  if (result.$case === "wrongExpectedVersion") throw new WrongExpectedVersionError(stream, expected, actualOf(result.value));
  const { currentRevisionOption, positionOption } = result.value;
  return {
    nextRevision: currentRevisionOption?.$case === "currentRevision" ? currentRevisionOption.value : undefined,
    position: positionOf(positionOption),
  };
}

/** Deletes or tombstones a stream: their messages are the same. */
export async function remove(store: Store<unknown>, how: "delete" | "tombstone", stream: string, expected: ExpectedRevision, options: WriteOptions): Promise<DeleteResult> {
  const request = DeleteReq.encode({ options: { streamIdentifier: toWireStream(stream), expectedStreamRevision: toWireExpected(expected) } }).finish();
  const { positionOption } = decoded(DeleteResp, await invokeUnary(store.connection, eventstoredbMethods[how], request, callOf(options)));
  return { position: positionOf(positionOption) };
}

/** The name of a stream as the wire has it. */
export function toWireStream(stream: string): StreamIdentifier {
  return { streamName: new TextEncoder().encode(stream) };
}

/** Expectations as the wire has them. */
export function toWireExpected(expected: ExpectedRevision): AppendReq_Options["expectedStreamRevision"] {
  switch (expected) {
    case "no_stream": return { $case: "noStream", value: {} };
    case "any": return { $case: "any", value: {} };
    case "stream_exists": return { $case: "streamExists", value: {} };
    default: return { $case: "revision", value: expected };
  }
}

function actualOf({ currentRevisionOption: now, currentRevisionOption2060: before }: { currentRevisionOption?: Current; currentRevisionOption2060?: Current }): ActualRevision {
  const option = now ?? before;
  return option === undefined ? undefined : typeof option.value === "bigint" ? option.value : "no_stream";
}

type Current = { readonly value: unknown } | undefined;

function positionOf(option: { readonly $case: string; readonly value: object } | undefined): Position | undefined {
  if (option?.$case !== "position") return undefined;
  const { commitPosition, preparePosition } = option.value as { commitPosition: bigint; preparePosition: bigint };
  return { commit: commitPosition, prepare: preparePosition };
}

function callOf({ signal, timeoutMs, headers, requiresLeader = false }: WriteOptions): WriteOptions {
  return { signal, timeoutMs, headers: headersOf(headers, requiresLeader) };
}

function decoded<Message>(codec: Decoder<Message>, answer: Uint8Array): Message {
  try {
    return decodeWhole(codec, answer);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): MillraceError {
  return new MillraceError("protocol", "The server's answer to a write cannot be read", { system: "eventstoredb", applied: "unknown", cause });
}
