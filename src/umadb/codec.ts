import { ProtoReader } from "./proto-reader.js";
import type {
  Event, MetadataEntry, ReadResponse, SequencedEvent, TrackingInfo,
} from "../../gen/static/umadb/v1/umadb.js";

// Written by hand for what a page needs: a generated codec carries both directions of every message and weighs several
// times as much. A test compares these with the generated ones. A case is `field number * 8 + wire type`.

/** Reads a message's fields one by one; `field` says whether it took the value. */
function eachField(reader: ProtoReader, field: (key: number) => unknown): void {
  for (let key = reader.key(); key !== 0; key = reader.key()) if (field(key) === undefined) reader.skip(key);
}

/** A ReadResponse; a SubscribeResponse too, which is one that never has a `head`. */
export function decodeEvents(bytes: Uint8Array): ReadResponse {
  const reader = new ProtoReader(bytes);
  const message: ReadResponse = { events: [] };
  eachField(reader, (key) => {
    switch (key) {
      case 10: return message.events.push(reader.message(sequencedEvent));
      case 16: return (message.head = reader.uint64());
      default: return undefined;
    }
  });
  return message;
}

function sequencedEvent(reader: ProtoReader): SequencedEvent {
  const message: SequencedEvent = { position: 0n };
  eachField(reader, (key) => {
    switch (key) {
      case 8: return (message.position = reader.uint64());
      case 18: return (message.event = reader.message(event));
      case 26: return (message.trackingInfo = reader.message(trackingInfo));
      default: return undefined;
    }
  });
  return message;
}

function event(reader: ProtoReader): Event {
  const message: Event = { eventType: "", tags: [], data: new Uint8Array(0), uuid: "", metadata: [] };
  eachField(reader, (key) => {
    switch (key) {
      case 10: return (message.eventType = reader.string());
      case 18: return message.tags.push(reader.string());
      case 26: return (message.data = reader.bytes());
      case 34: return (message.uuid = reader.string());
      case 42: return message.metadata.push(reader.message(metadataEntry));
      default: return undefined;
    }
  });
  return message;
}

function metadataEntry(reader: ProtoReader): MetadataEntry {
  const message: MetadataEntry = { key: "", value: "" };
  eachField(reader, (key) => {
    switch (key) {
      case 10: return (message.key = reader.string());
      case 18: return (message.value = reader.string());
      default: return undefined;
    }
  });
  return message;
}

function trackingInfo(reader: ProtoReader): TrackingInfo {
  const message: TrackingInfo = { source: "", position: 0n };
  eachField(reader, (key) => {
    switch (key) {
      case 10: return (message.source = reader.string());
      case 16: return (message.position = reader.uint64());
      default: return undefined;
    }
  });
  return message;
}

/** The number in field 1: all that a HeadResponse, AppendResponse, TrackingResponse and HealthCheckResponse hold. */
export function decodeNumber(bytes: Uint8Array): bigint | undefined {
  const reader = new ProtoReader(bytes);
  let number: bigint | undefined;
  eachField(reader, (key) => (key === 8 ? (number = reader.uint64()) : undefined));
  return number;
}

/** An ErrorResponse: bare, or inside the `details` of a google.rpc.Status. */
export function decodeError(bytes: Uint8Array): { message: string; errorType: number } {
  const reader = new ProtoReader(bytes);
  let found = { message: "", errorType: 0 };
  // Field 1 is a text here and a number in a Status, so the first byte tells them apart.
  const isStatus = bytes[0] === 8;
  eachField(reader, (key) => {
    switch (key) {
      case 10: return (found.message = reader.string());
      case 16: return (found.errorType = reader.uint32());
      case 26: return isStatus ? (found = reader.message(errorInAny) ?? found) : undefined;
      default: return undefined;
    }
  });
  return found;
}

function errorInAny(reader: ProtoReader): ReturnType<typeof decodeError> | undefined {
  let typeUrl = "";
  let value: Uint8Array | undefined;
  eachField(reader, (key) => {
    switch (key) {
      case 10: return (typeUrl = reader.string());
      case 18: return (value = reader.bytes());
      default: return undefined;
    }
  });
  return value !== undefined && typeUrl.endsWith("/umadb.v1.ErrorResponse") ? decodeError(value) : undefined;
}
