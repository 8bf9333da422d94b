import { parseUuid } from "millrace/internal/core/uuid";
import type { UUID } from "millrace/internal/gen/static/event_store/client/shared";
import type { ReadResp_ReadEvent_RecordedEvent } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { decodeWhole, type Decoder } from "millrace/internal/protobuf/decode";
import { StatusError, type ServiceMethod } from "../service.js";
import type { EmbeddedSession } from "./access.js";
import { handlerFailed, metadataMissing } from "./errors.js";
import { MAX_U64, type NewRecord, type StoredRecord } from "./record.js";

/** The message without fields. */
export const EMPTY = {};
const NIL = "00000000-0000-0000-0000-000000000000";
const JSON_TYPE = "application/json";

/** Bytes as one whole request. @throws {StatusError} INTERNAL */
export function decodeRequest<Request>(codec: Decoder<Request>, bytes: Uint8Array): Request {
  try {
    return decodeWhole(codec, bytes, { strict: true });
  } catch {
    throw new StatusError(13, "Bad gRPC response. Failed to decode the request.");
  }
}

/** A method with one request, and the caller's rights looked up before it. */
export type OneRequest = (bytes: Uint8Array, session: EmbeddedSession) => AsyncIterable<Uint8Array> | Uint8Array;

/** The first request of a call. @throws {StatusError} */
export async function onlyRequest(requests: Parameters<ServiceMethod>[0]): Promise<Uint8Array> {
  for await (const bytes of requests) return bytes;
  throw new StatusError(13, "Missing request message.");
}

/** A uuid of either form as text; `undefined` for one that is missing or none. */
export function uuidText(uuid: UUID | undefined): string | undefined {
  const value = uuid?.value;
  if (value === undefined) return undefined;
  if (value.$case === "string") return parseUuid(value.value);
  const half = (bits: bigint): string => BigInt.asUintN(64, bits).toString(16).padStart(16, "0");
  return parseUuid(half(value.value.mostSignificantBits) + half(value.value.leastSignificantBits));
}

/** A uuid of an event that is written: all zeros are none. */
export function eventId(uuid: UUID | undefined): string | undefined {
  const text = uuidText(uuid);
  return text === NIL ? undefined : text;
}

/** A uuid in the form that was asked for. */
export function uuidMessage(text: string, structured: boolean): UUID {
  if (!structured) return { value: { $case: "string", value: text } };
  const hex = text.replaceAll("-", "");
  const half = (from: number): bigint => BigInt.asIntN(64, BigInt(`0x${hex.slice(from, from + 16)}`));
  return { value: { $case: "structured", value: { mostSignificantBits: half(0), leastSignificantBits: half(16) } } };
}

/** A stream's name from its bytes. */
export function nameOf(identifier: { readonly streamName: Uint8Array } | undefined): string {
  return new TextDecoder().decode(identifier?.streamName);
}

/** A stream's name as bytes. */
export function identifierOf(stream: string): { streamName: Uint8Array } {
  return { streamName: new TextEncoder().encode(stream) };
}

/** A revision that clients send as an unsigned number: the largest means "the end", other large ones do not exist. */
export function revisionOf(value: bigint): bigint {
  if (value === MAX_U64) return -1n;
  if (value >= 2n ** 63n) throw handlerFailed();
  return value;
}

/** What of an event a request must say. */
interface Proposed {
  readonly id?: UUID | undefined;
  readonly metadata: Map<string, string>;
  readonly customMetadata: Uint8Array;
  readonly data: Uint8Array;
}

/** An event from a request. @throws {StatusError} One that the real server refuses. */
export function proposedRecord({ id, metadata, customMetadata, data }: Proposed): NewRecord {
  const type = metadata.get("type");
  const contentType = metadata.get("content-type");
  if (type === undefined) throw metadataMissing("type");
  if (contentType === undefined) throw metadataMissing("content-type");
  const text = eventId(id);
  if (text === undefined || type === "") throw handlerFailed();
  return { id: text, type, isJson: contentType === JSON_TYPE, data, customMetadata };
}

/** What an event counts of the limit of one append. */
export function recordBytes({ data, customMetadata, type }: NewRecord): number {
  return data.length + customMetadata.length + 2 * type.length;
}

/** An event as answers hold it. */
export function recordedEvent(record: StoredRecord, structured: boolean): ReadResp_ReadEvent_RecordedEvent {
  return {
    id: uuidMessage(record.id, structured),
    streamIdentifier: identifierOf(record.stream),
    streamRevision: record.number,
    preparePosition: record.position,
    commitPosition: record.position,
    metadata: new Map([
      ["type", record.type],
      ["created", String(record.created)],
      ["content-type", record.isJson ? JSON_TYPE : "application/octet-stream"],
    ]),
    customMetadata: record.customMetadata,
    data: record.data,
  };
}
