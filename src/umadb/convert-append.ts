import type { PayloadCodec } from "../core/codec.js";
import { randomUuid, parseUuid } from "../core/uuid.js";
import type {
  AppendCondition as WireCondition, AppendRequest, Event as WireEvent, MetadataEntry, TrackingInfo as WireTracking,
} from "../../gen/static/umadb/v1/umadb.js";
import type { AppendTools } from "./append-tools.js";
import { fitsPage } from "./page-fit.js";

/** The most tags, metadata entries, and bytes of a metadata key or value that the store takes. */
const MAX_LENGTH = 65_535;

/** Checks what an append takes by every rule that the server answers badly, and makes the uuids that are missing. */
export function toWireAppend<Data>(events: unknown, condition: unknown, trackingInfo: unknown, codec: PayloadCodec<Data> | undefined, tools: AppendTools): AppendRequest {
  const { list, optional, wrong } = tools;
  const given = list(events, "events");
  if (given.length === 0) throw wrong("events", given, "must hold at least one event");
  const tracking = optional(trackingInfo, toWireTracking, tools);
  const wire = given.map((event, index) => {
    const path = `events[${index}]`;
    const one = toWireEvent(event, path, codec, tools);
    if (!fitsPage(one, tracking, tools.utf8Length)) throw wrong(path, event, "must have a type and tags that fit into one page of about 4 000 bytes");
    return one;
  });
  return { events: wire, condition: optional(condition, toWireCondition, tools), trackingInfo: tracking };
}

function toWireEvent<Data>(event: unknown, path: string, codec: PayloadCodec<Data> | undefined, tools: AppendTools): WireEvent {
  const { optional, record, text, texts } = tools;
  const { type, tags, data, uuid, metadata } = record(event, path, ["type", "tags", "data", "uuid", "metadata"]);
  const stored = codec === undefined ? { type, data } : codec.encode({ type: text(type, `${path}.type`), data: data as Data });
  return {
    eventType: text(stored.type, `${path}.type`),
    tags: atMost(texts(tags, `${path}.tags`), `${path}.tags`, tools),
    data: bytes(stored.data, `${path}.data`, tools),
    uuid: uuid === undefined ? randomUuid() : toWireUuid(uuid, `${path}.uuid`, tools),
    metadata: optional(metadata, toWireMetadata, `${path}.metadata`, tools) ?? [],
  };
}

function toWireUuid(uuid: unknown, path: string, { wrong }: AppendTools): string {
  const parsed = typeof uuid === "string" ? parseUuid(uuid) : undefined;
  if (parsed === undefined) throw wrong(path, uuid, "must be a UUID");
  return parsed;
}

function toWireMetadata(metadata: unknown, path: string, tools: AppendTools): MetadataEntry[] {
  const { text, wrong } = tools;
  if (typeof metadata !== "object" || metadata === null) throw wrong(path, metadata, "must be an object or pairs of strings");
  const pairs: unknown[] = Symbol.iterator in metadata ? [...(metadata as Iterable<unknown>)] : Object.entries(metadata);
  const keys = new Set<string>();
  return atMost(pairs, path, tools).map((pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong(`${path}[${index}]`, pair, "must be a pair of strings");
    const key = text(pair[0], `${path} key ${index + 1}`, MAX_LENGTH);
    if (keys.has(key)) throw wrong(`${path} key ${index + 1}`, key, "must not repeat an earlier key");
    keys.add(key);
    return { key, value: text(pair[1], `${path} value ${index + 1}`, MAX_LENGTH) };
  });
}

function atMost<T>(items: T[], path: string, { wrong }: AppendTools): T[] {
  if (items.length > MAX_LENGTH) throw wrong(path, items, `must hold at most ${MAX_LENGTH} entries`);
  return items;
}

function toWireCondition(condition: unknown, { optional, position, record, toWireQuery }: AppendTools): WireCondition {
  const { failIfEventsMatch, after } = record(condition, "condition", ["failIfEventsMatch", "after"]);
  return {
    failIfEventsMatch: toWireQuery(failIfEventsMatch, "condition.failIfEventsMatch"),
    // The largest number wraps around in the server: the condition would look from the beginning.
    after: optional(after, position, "condition.after", 2n ** 64n - 2n),
  };
}

function toWireTracking(trackingInfo: unknown, { position, record, toSource }: AppendTools): WireTracking {
  const given = record(trackingInfo, "trackingInfo", ["source", "position"]);
  return { source: toSource(given.source, "trackingInfo.source"), position: position(given.position, "trackingInfo.position") };
}

/** `value` as bytes, also those of another realm. */
function bytes(value: unknown, path: string, { wrong }: AppendTools): Uint8Array {
  if (!ArrayBuffer.isView(value) || (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== "Uint8Array") {
    throw wrong(path, value, "must be a Uint8Array");
  }
  return value as Uint8Array;
}
