import { randomUuid } from "millrace/internal/core/uuid";
import { handlerFailed, streamDeleted } from "./errors.js";
import { encode, eventMessage, type EventForm } from "./event-message.js";
import type { Filtering } from "./filter.js";
import { Growth } from "./growth.js";
import { isHiddenInAll } from "./persistent/streams.js";
import type { Projected } from "./projected.js";
import type { StoredRecord } from "./record.js";

/** Who follows: ends by its signal, and may lose its right on the way. */
export interface Follower {
  readonly signal: AbortSignal;
  /** The call is accepted. */
  begin(): void;
  /** @throws {StatusError} The right to read is gone. */
  authorize?(): void;
}

/**
 * Follows a stream.
 *
 * @param after The last number that is not wanted; -1 for all, `undefined` for new ones alone.
 */
export async function* subscribeToStream(
  store: Projected, stream: string, after: bigint | undefined, form: EventForm, { signal, authorize }: Follower,
): AsyncGenerator<Uint8Array> {
  if (store.isTombstoned(stream)) throw streamDeleted(stream);
  const growth = new Growth(store, signal);
  try {
    let last = after ?? store.lastNumber(stream);
    yield encode({ $case: "confirmation", value: { subscriptionId: randomUuid() } });
    let isLive = false;
    for (;;) {
      growth.watch();
      authorize?.();
      const end = store.lastNumber(stream);
      if (!store.metadataOf(stream).deleted) {
        const first = store.firstReadable(stream);
        for (let at = last + 1n > first ? last + 1n : first; at <= end && !signal.aborted; at += 1n) {
          yield eventMessage(store, store.recordAt(stream, at) as StoredRecord, form);
        }
        if (end > last) last = end;
      }
      const tombstone = store.tombstoneOf(stream);
      if (tombstone !== undefined) {
        yield eventMessage(store, tombstone, form);
        throw streamDeleted(stream);
      }
      // On a stream that is not there the real server is silent until there is something.
      if (!isLive && end >= 0n) {
        isLive = true;
        yield encode({ $case: "caughtUp", value: {} });
      }
      if (!(await growth.next())) return;
    }
  } finally {
    growth.stop();
  }
}

/**
 * Follows the log.
 *
 * @param after The last position that is not wanted; -1 for all, `undefined` for what comes.
 */
export async function* subscribeToAll(
  store: Projected, after: bigint | undefined, filtering: Filtering | undefined, form: EventForm, { signal, authorize }: Follower,
): AsyncGenerator<Uint8Array> {
  if (filtering !== undefined && filtering.multiplier < 1) throw handlerFailed();
  const growth = new Growth(store, signal);
  try {
    let index = after === undefined ? store.log.length : store.indexFrom(after + 1n);
    const checkpoints = filtering && new Checkpoints(filtering, after ?? -1n);
    yield encode({ $case: "confirmation", value: { subscriptionId: randomUuid() } });
    let isLive = after === undefined;
    if (isLive) yield encode({ $case: "caughtUp", value: {} });
    for (;;) {
      growth.watch();
      authorize?.();
      for (; index < store.log.length && !signal.aborted; index += 1) {
        const record = store.log[index] as StoredRecord;
        if (isHiddenInAll(record)) continue;
        const isWanted = filtering === undefined || filtering.matches(record);
        if (isWanted) yield eventMessage(store, record, form);
        const reached = checkpoints?.considered(record, isWanted, isLive);
        if (reached !== undefined) yield encode({ $case: "checkpoint", value: { ...reached, timestamp: undefined } });
      }
      if (!isLive) {
        isLive = true;
        checkpoints?.goLive();
        yield encode({ $case: "caughtUp", value: {} });
      }
      if (!(await growth.next())) return;
    }
  } finally {
    growth.stop();
  }
}

/** A place in the log to go on from. */
interface Place {
  readonly commitPosition: bigint;
  readonly preparePosition: bigint;
}

/**
 * When a filtered reader is told how far it got. While it catches up the log is read page by page, and what is told
 * after one is its last match or, without any, where the page began.
 */
class Checkpoints {
  readonly #window: number;
  readonly #interval: number;
  #inPage = 1; // The log begins with a record that nobody is shown, and that counts.
  #sinceLast = 0;
  #pageStart: bigint;
  #lastMatch: bigint | undefined;
  #told = -1n;

  constructor({ window, multiplier }: Filtering, start: bigint) {
    this.#window = window;
    this.#interval = window * multiplier;
    this.#pageStart = start < 0n ? 0n : start;
  }

  /** A record was looked at. @returns The place to tell, if one is due. */
  considered(record: StoredRecord, isMatch: boolean, isLive: boolean): Place | undefined {
    if (isLive) return this.#live(record);
    if (isMatch) this.#lastMatch = record.position;
    this.#inPage += 1;
    if (this.#inPage < this.#window) return undefined;
    this.#sinceLast += this.#inPage;
    const place = this.#lastMatch ?? this.#pageStart;
    const preparePosition = this.#lastMatch ?? 0n;
    this.#inPage = 0;
    this.#lastMatch = undefined;
    this.#pageStart = record.position;
    if (this.#sinceLast < this.#interval || place <= this.#told) return undefined;
    this.#sinceLast = 0;
    this.#told = place;
    return { commitPosition: place, preparePosition };
  }

  /** What is looked at from here on is counted anew. */
  goLive(): void {
    this.#sinceLast = 0;
  }

  #live({ position }: StoredRecord): Place | undefined {
    this.#sinceLast += 1;
    if (this.#sinceLast < this.#interval) return undefined;
    this.#sinceLast = 0;
    return { commitPosition: position, preparePosition: position };
  }
}
