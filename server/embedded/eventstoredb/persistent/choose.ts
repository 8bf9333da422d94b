import { parseObject } from "../stream-metadata.js";
import type { GroupMessage, GroupReader } from "./group.js";
import type { Strategy } from "./settings.js";

const BUCKETS = 1_024;

/** Who gets an event; `undefined` when whoever may have it has no room. @param turn Whose turn it is, going round. */
export function choose(readers: readonly GroupReader[], strategy: Strategy, message: GroupMessage, turn: number): GroupReader | undefined {
  switch (strategy) {
    case "DispatchToSingle": return readers.find(hasRoom);
    case "RoundRobin": return inTurn(readers, turn);
    case "Pinned": return pinned(readers, message.record.stream);
    case "PinnedByCorrelation": return pinned(readers, correlationOf(message) ?? message.record.stream);
  }
}

function hasRoom({ inFlight, bufferSize }: GroupReader): boolean {
  return inFlight.size < bufferSize;
}

function inTurn(readers: readonly GroupReader[], turn: number): GroupReader | undefined {
  for (let step = 0; step < readers.length; step += 1) {
    const reader = readers[(turn + step) % readers.length] as GroupReader;
    if (hasRoom(reader)) return reader;
  }
  return undefined;
}

function pinned(readers: readonly GroupReader[], key: string): GroupReader | undefined {
  let hash = 2_166_136_261;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 16_777_619);
  const reader = readers[((hash >>> 0) % BUCKETS) % readers.length];
  return reader !== undefined && hasRoom(reader) ? reader : undefined;
}

function correlationOf({ record }: GroupMessage): string | undefined {
  const id = parseObject(new TextDecoder().decode(record.customMetadata))?.["$correlationId"];
  return typeof id === "string" ? id : undefined;
}
