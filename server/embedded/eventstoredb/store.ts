import { randomUuid } from "millrace/internal/core/uuid";
import { describedBy, expected, metadataStreamOf, TOMBSTONE_NUMBER, type NewRecord, type StoredRecord } from "./record.js";
import { NO_METADATA, parseStreamMetadata, undeleted, type StreamMetadata } from "./stream-metadata.js";

/** What became of a write. `last` is -1 and `actual` is -1 for a stream that is not there. */
export type WriteOutcome =
  | { readonly kind: "written"; readonly last: bigint; readonly position: bigint }
  | { readonly kind: "wrong-version"; readonly actual: bigint }
  | { readonly kind: "deleted" };

/** What may be done, before it is: a repeat is answered as it was the first time. */
type Verdict = WriteOutcome | { readonly kind: "write" };

interface Stream {
  readonly records: StoredRecord[];
  /** The last record that an id was written as. */
  readonly byId: Map<string, StoredRecord>;
  tombstone: StoredRecord | undefined;
}

/** The space that a record takes in the log beside its data, so that a position next to one is none. */
const RECORD_OVERHEAD = 128n;
const FIRST_POSITION = 1_000n;
const NO_BYTES = new Uint8Array(0);
const SOFT_DELETION = new TextEncoder().encode('{"$tb":9223372036854775807}');
const TICKS_A_MS = 10_000n;

/** The log, its streams, and the rules of writing. */
export class EventStore {
  readonly #streams = new Map<string, Stream>();
  readonly #log: StoredRecord[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #boundaries = new Set<bigint>([0n]);
  readonly #now: () => number;
  #end = FIRST_POSITION;

  /** @param now Milliseconds since the Unix epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Every record in its order. */
  get log(): readonly StoredRecord[] {
    return this.#log;
  }

  /** Where the next record will lie. */
  get end(): bigint {
    return this.#end;
  }

  /** Whether a read may begin there: what the log handed out, and anything beyond its end. */
  isBoundary(position: bigint): boolean {
    return position >= this.#end || this.#boundaries.has(position);
  }

  /** The index in the log of the first record at a position or after it. */
  indexFrom(position: bigint): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#log[middle] as StoredRecord).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Calls back after each write. @returns Undoes it. */
  onWrite(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  isTombstoned(stream: string): boolean {
    const described = describedBy(stream);
    return this.#streams.get(stream)?.tombstone !== undefined || (described !== undefined && this.#streams.get(described)?.tombstone !== undefined);
  }

  /** The event that ended a stream. */
  tombstoneOf(stream: string): StoredRecord | undefined {
    return this.#streams.get(stream)?.tombstone;
  }

  /** The last number of a stream, hidden or not; -1 when it has none. */
  lastNumber(stream: string): bigint {
    return BigInt(this.#streams.get(stream)?.records.length ?? 0) - 1n;
  }

  metadataOf(stream: string): StreamMetadata {
    const records = this.#streams.get(metadataStreamOf(stream))?.records;
    const last = records?.at(-1);
    return last === undefined ? NO_METADATA : parseStreamMetadata(last.data);
  }

  /** The first number that a read of the stream may give; one past the last when it may give none. */
  firstReadable(stream: string): bigint {
    const last = this.lastNumber(stream);
    const { truncateBefore, maxCount, maxAgeSeconds } = this.metadataOf(stream);
    const kept = describedBy(stream) === undefined ? maxCount : 1n;
    let first = truncateBefore;
    if (kept !== undefined && last - kept + 1n > first) first = last - kept + 1n;
    if (maxAgeSeconds !== undefined) {
      const oldest = (BigInt(this.#now()) - BigInt(maxAgeSeconds) * 1_000n) * TICKS_A_MS;
      while (first <= last && (this.recordAt(stream, first)?.created ?? oldest) < oldest) first += 1n;
    }
    return first;
  }

  /** A record by its number, hidden or not. */
  recordAt(stream: string, number: bigint): StoredRecord | undefined {
    const found = this.#streams.get(stream);
    return number === TOMBSTONE_NUMBER ? found?.tombstone : found?.records[Number(number)];
  }

  /** A record that a read would give: what is deleted, truncated or was never there is none. */
  readableAt(stream: string, number: bigint): StoredRecord | undefined {
    if (this.isTombstoned(stream) || this.metadataOf(stream).deleted || number < this.firstReadable(stream)) return undefined;
    return this.recordAt(stream, number);
  }

  /** Appends all records or none. */
  append(stream: string, expectedRevision: bigint, records: readonly NewRecord[]): WriteOutcome {
    const verdict = this.judge(stream, expectedRevision, records);
    if (verdict.kind !== "write") return verdict;
    const outcome = this.write(stream, records);
    this.#notify();
    return outcome;
  }

  /** What an append would come to. */
  judge(stream: string, expectedRevision: bigint, records: readonly NewRecord[]): Verdict {
    if (this.isTombstoned(stream)) return { kind: "deleted" };
    const last = this.lastNumber(stream);
    const { deleted } = this.metadataOf(stream);
    if (expectedRevision === expected.exists) {
      if (deleted) return { kind: "deleted" };
      if (last < 0n && this.lastNumber(metadataStreamOf(stream)) < 0n) return { kind: "wrong-version", actual: last };
      return this.#weak(stream, records);
    }
    if (expectedRevision === expected.any) return this.#weak(stream, records);
    if (expectedRevision === last) return { kind: "write" };
    if (expectedRevision > last) return { kind: "wrong-version", actual: last };
    if (expectedRevision === expected.noStream && deleted && this.#firstDiffers(stream, records)) return { kind: "write" };
    return this.#strong(stream, expectedRevision, records);
  }

  /** Writes what was judged already, without telling anybody; see {@link announce}. */
  write(stream: string, records: readonly NewRecord[]): WriteOutcome & { kind: "written" } {
    const before = this.lastNumber(stream);
    const metadata = this.metadataOf(stream);
    for (const record of records) this.#push(stream, record, this.lastNumber(stream) + 1n);
    if (records.length > 0 && metadata.deleted) this.#writeMetadata(stream, undeleted(metadata, before + 1n));
    const described = describedBy(stream);
    const hidden = described === undefined ? -1n : this.lastNumber(described);
    if (records.length > 0 && described !== undefined && hidden >= 0n && this.#wasDeleted(stream, before) && !this.metadataOf(described).deleted) {
      this.#writeMetadata(described, undeleted(this.metadataOf(described), hidden + 1n));
    }
    const last = this.lastNumber(stream);
    if (records.length === 0) return { kind: "written", last, position: this.#reserve(0) };
    return { kind: "written", last: before + BigInt(records.length), position: (this.recordAt(stream, before + BigInt(records.length)) as StoredRecord).position };
  }

  /** Tells those who follow the log that it grew. */
  announce(): void {
    this.#notify();
  }

  /** Hides a stream's events until something is written to it. */
  softDelete(stream: string, expectedRevision: bigint): WriteOutcome {
    const last = this.lastNumber(stream);
    const missing = last < 0n && this.lastNumber(metadataStreamOf(stream)) < 0n;
    if (missing && !this.isTombstoned(stream)) return { kind: "wrong-version", actual: last };
    const verdict = this.judge(stream, expectedRevision, [fresh()]);
    if (verdict.kind !== "write") return verdict;
    const position = this.#writeMetadata(stream, SOFT_DELETION);
    this.#notify();
    return { kind: "written", last, position };
  }

  /** Ends a stream for good. */
  tombstone(stream: string, expectedRevision: bigint): WriteOutcome {
    const verdict = this.judge(stream, expectedRevision, [fresh()]);
    if (verdict.kind !== "write") return verdict;
    const record = { ...fresh(), type: "$streamDeleted" };
    const { position } = this.#push(stream, record, TOMBSTONE_NUMBER);
    this.#notify();
    return { kind: "written", last: TOMBSTONE_NUMBER, position };
  }

  #weak(stream: string, records: readonly NewRecord[]): Verdict {
    const byId = this.#streams.get(stream)?.byId;
    const [first] = records;
    if (byId === undefined || first === undefined || !byId.has(first.id)) return { kind: "write" };
    if (!records.every(({ id }) => byId.has(id))) return { kind: "wrong-version", actual: this.lastNumber(stream) };
    const { number, position } = byId.get((records.at(-1) as NewRecord).id) as StoredRecord;
    return { kind: "written", last: number, position };
  }

  #strong(stream: string, after: bigint, records: readonly NewRecord[]): Verdict {
    const stored = this.#streams.get(stream)?.records ?? [];
    const from = Number(after) + 1;
    if (records.length === 0 || !records.every(({ id }, index) => stored[from + index]?.id === id)) {
      if (records.length === 0 && after === expected.noStream && this.metadataOf(stream).deleted) return { kind: "write" };
      return { kind: "wrong-version", actual: this.lastNumber(stream) };
    }
    const { number, position } = stored[from + records.length - 1] as StoredRecord;
    return { kind: "written", last: number, position };
  }

  #firstDiffers(stream: string, [first]: readonly NewRecord[]): boolean {
    return this.#streams.get(stream)?.records[0]?.id !== first?.id;
  }

  #wasDeleted(metadataStream: string, lastBefore: bigint): boolean {
    const before = this.recordAt(metadataStream, lastBefore);
    return before !== undefined && parseStreamMetadata(before.data).deleted;
  }

  #writeMetadata(stream: string, data: Uint8Array): bigint {
    const target = metadataStreamOf(stream);
    const record = { ...fresh(), type: "$metadata", isJson: true, data };
    return this.#push(target, record, this.lastNumber(target) + 1n).position;
  }

  #push(name: string, record: NewRecord, number: bigint): StoredRecord {
    const stream = this.#streamOf(name);
    const position = this.#reserve(record.data.length + record.customMetadata.length);
    const stored = { ...record, stream: name, number, position, created: BigInt(Math.trunc(this.#now())) * TICKS_A_MS };
    this.#log.push(stored);
    if (number === TOMBSTONE_NUMBER) {
      stream.tombstone = stored;
      return stored;
    }
    stream.records.push(stored);
    stream.byId.set(record.id, stored);
    return stored;
  }

  #streamOf(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = { records: [], byId: new Map(), tombstone: undefined }));
    return stream;
  }

  #reserve(bytes: number): bigint {
    const position = this.#end;
    this.#boundaries.add(position);
    this.#end += RECORD_OVERHEAD + BigInt(bytes);
    return position;
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function fresh(): NewRecord {
  return { id: randomUuid(), type: "", isJson: false, data: NO_BYTES, customMetadata: NO_BYTES };
}
