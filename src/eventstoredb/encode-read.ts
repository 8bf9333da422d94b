import type { EventFilter, Position } from "./types.js";

// Written by hand, for what it weighs in a page: a test compares it with the generated codec.

/** What a read or a subscription asks for, checked. */
export interface ReadRequest {
  /** One stream; `undefined` for all of them. */
  readonly stream: string | undefined;
  /** A revision of the stream, or a place among all events. */
  readonly from: bigint | Position | "start" | "end";
  /** From the last event to the first. */
  readonly backwards: boolean;
  /** The most events; `undefined` for all, `"live"` for a subscription. */
  readonly limit: number | undefined | "live";
  /** Of all streams only. */
  readonly filter: EventFilter | undefined;
  /** Whether a link comes as the event that it leads to. */
  readonly resolveLinks: boolean;
}

/** The most events that a read can ask for: the server counts with signed numbers. */
const ALL = 2n ** 63n - 1n;

/** What compatibility is asked for: all that the server has to say between events. */
const COMPATIBILITY = 21n;

/** The encoded request of a read or a subscription. The server never answers some in which something is not set, so all is. */
export function encodeRead({ stream, from, backwards, limit, filter, resolveLinks }: ReadRequest): Uint8Array {
  const start = (at: (place: never) => number[], field: number): number[] =>
    from === "start" ? part(field + 1) : from === "end" ? part(field + 2) : at(from as never);
  return Uint8Array.from(part(1, [
    ...(stream === undefined
      ? part(2, start(({ commit, prepare }: Position) => part(1, [...number(1, commit), ...number(2, prepare)]), 1))
      : part(1, [...part(1, text(3, stream)), ...start((revision: bigint) => number(2, revision), 2)])),
    ...number(3, backwards ? 1n : 0n),
    ...number(4, resolveLinks ? 1n : 0n),
    ...(limit === "live" ? part(6) : number(5, limit === undefined ? ALL : BigInt(limit))),
    ...(filter === undefined ? part(8) : part(7, filterParts(filter))),
    ...part(9, part(2)),
    ...part(10, number(1, COMPATIBILITY)),
  ]));
}

/** The server's own window of events, and a checkpoint for each. */
function filterParts({ by, regex, prefixes = [] }: EventFilter): number[] {
  const expression = regex === undefined ? prefixes.flatMap((prefix) => text(2, prefix)) : text(1, regex);
  return [...part(by === "stream" ? 1 : 2, expression), ...part(4), ...number(5, 1n)];
}

function number(field: number, value: bigint): number[] {
  return [field * 8, ...varint(value)];
}

function text(field: number, value: string): number[] {
  return part(field, [...new TextEncoder().encode(value)]);
}

function part(field: number, content: number[] = []): number[] {
  return [field * 8 + 2, ...varint(BigInt(content.length)), ...content];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  bytes.push(Number(value));
  return bytes;
}
