import { eachOf, numberOf, type Part, type ViewReader } from "../wire/view-reader.js";
import type { Position } from "./types.js";

/** What the server says between events. */
export type ReadNote =
  /** A subscription began. */
  | { readonly kind: "confirmation"; readonly subscriptionId: string }
  /** Everything up to `position` was looked at: a place to resume from. */
  | { readonly kind: "checkpoint"; readonly position: Position; readonly time: Date | undefined }
  | { readonly kind: "stream-not-found"; readonly stream: string }
  | { readonly kind: "first-stream-position" | "last-stream-position"; readonly revision: bigint }
  | { readonly kind: "last-all-position"; readonly position: Position }
  /** A subscription has come to the end, or could not stay there. Older servers say nothing more than that. */
  | {
      readonly kind: "caught-up" | "fell-behind";
      readonly time: Date | undefined;
      readonly revision: bigint | undefined;
      readonly position: Position | undefined;
    };

/**
 * The note in a member of ReadResp's oneof.
 *
 * @param kind The member's key.
 * @param part Where its value begins in `reader`, or all of it.
 * @returns `undefined` for a member that is not known here.
 */
export function readNote(reader: ViewReader, kind: number, part: Part): ReadNote | undefined {
  if (kind === 40 || kind === 48) {
    return { kind: kind === 40 ? "first-stream-position" : "last-stream-position", revision: numberOf(reader, part as number) };
  }
  if (kind === 0) return undefined;
  const end = reader.enter(part);
  switch (kind) {
    case 18: return { kind: "confirmation", subscriptionId: firstText(reader, end) };
    case 26: return { kind: "checkpoint", ...readPlace(reader, end) };
    case 34: return { kind: "stream-not-found", stream: streamIn(reader, end) };
    case 58: return { kind: "last-all-position", position: readPlace(reader, end).position };
    default: return { kind: kind === 66 ? "caught-up" : "fell-behind", ...readProgress(reader, end) };
  }
}

/** The name in a StreamIdentifier, which `key` announces. */
export function streamOf(reader: ViewReader, first: number, end: number, key: number): string {
  let name = "";
  eachOf(reader, first, end, key, () => {
    const stop = reader.span();
    for (let inner = reader.key(stop); inner !== 0; inner = reader.key(stop)) {
      if (inner === 26) name = reader.text();
      else reader.skip(inner);
    }
  });
  return name;
}

function streamIn(reader: ViewReader, end: number): string {
  let first = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) first ||= reader.at;
    reader.skip(key);
  }
  return streamOf(reader, first, end, 10);
}

function firstText(reader: ViewReader, end: number): string {
  let text = "";
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) text = reader.text();
    else reader.skip(key);
  }
  return text;
}

/** A Checkpoint; a position too, which is one without a time. */
function readPlace(reader: ViewReader, end: number, before: Position = { commit: 0n, prepare: 0n }): { position: Position; time: Date | undefined } {
  let { commit, prepare } = before;
  let time: Time | undefined;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 8) commit = reader.uint64();
    else if (key === 16) prepare = reader.uint64();
    else if (key === 26) time = readTime(reader, time);
    else reader.skip(key);
  }
  return { position: { commit, prepare }, time: dateOf(time) };
}

function readProgress(reader: ViewReader, end: number): { time: Date | undefined; revision: bigint | undefined; position: Position | undefined } {
  let time: Time | undefined;
  let revision: bigint | undefined;
  let position: Position | undefined;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) time = readTime(reader, time);
    else if (key === 16) revision = BigInt.asIntN(64, reader.uint64());
    else if (key === 26) ({ position } = readPlace(reader, reader.span(), position));
    else reader.skip(key);
  }
  return { time: dateOf(time), revision, position };
}

interface Time {
  readonly seconds: bigint;
  readonly nanos: number;
}

function readTime(reader: ViewReader, { seconds, nanos }: Time = { seconds: 0n, nanos: 0 }): Time {
  const end = reader.span();
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 8) seconds = BigInt.asIntN(64, reader.uint64());
    else if (key === 16) nanos = reader.uint32() | 0;
    else reader.skip(key);
  }
  return { seconds, nanos };
}

function dateOf(time: Time | undefined): Date | undefined {
  return time && new Date(Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1_000_000));
}
