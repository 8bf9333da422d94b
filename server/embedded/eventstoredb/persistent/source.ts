import type { RecordFilter } from "../filter.js";
import type { StoredRecord } from "../record.js";
import type { EventStore } from "../store.js";
import { isHiddenInAll } from "./streams.js";

/** What a group reads: a stream or the log. A place in it is a number or a position, both as they are. */
export interface GroupSource {
  /** The stream, or `$all`. */
  readonly name: string;
  /** The next event at a place or after it. */
  next(from: bigint): StoredRecord | undefined;
  /** The place just behind all there is. */
  end(): bigint;
  placeOf(record: StoredRecord): bigint;
  /** A place as texts say it: `3`, or `C:120/P:120`; -1 is the end. */
  text(place: bigint): string;
  /** A place from its text. */
  parse(text: string): bigint;
}

/** A stream as a source. */
export function streamSource(store: EventStore, name: string): GroupSource {
  return {
    name,
    next(from) {
      if (store.isTombstoned(name) || store.metadataOf(name).deleted) return undefined;
      const first = store.firstReadable(name);
      return store.recordAt(name, from > first ? from : first);
    },
    end: () => store.lastNumber(name) + 1n,
    placeOf: ({ number }) => number,
    text: String,
    parse: BigInt,
  };
}

/** The log as a source. */
export function allSource(store: EventStore, filter: RecordFilter | undefined): GroupSource {
  return {
    name: "$all",
    next(from) {
      for (let index = store.indexFrom(from); index < store.log.length; index += 1) {
        const record = store.log[index] as StoredRecord;
        if (!isHiddenInAll(record) && (filter === undefined || filter(record))) return record;
      }
      return undefined;
    },
    end: () => store.end,
    placeOf: ({ position }) => position,
    text: (place) => `C:${place}/P:${place}`,
    parse: (text) => BigInt(/^C:(-?\d+)/.exec(text)?.[1] ?? "0"),
  };
}
