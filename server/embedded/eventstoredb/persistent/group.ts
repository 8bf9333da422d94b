import { startTimer } from "millrace/internal/core/signal";
import { randomUuid } from "millrace/internal/core/uuid";
import type { StatusError } from "../../service.js";
import { linkTarget, metadataStreamOf, type NewRecord, type StoredRecord } from "../record.js";
import type { EventStore } from "../store.js";
import { choose } from "./choose.js";
import type { GroupSettings } from "./settings.js";
import type { GroupSource } from "./source.js";
import { checkpointStreamOf, parkedStreamOf } from "./streams.js";

/** An event on its way through a group. */
export interface GroupMessage {
  /** The event, or the link to it, whose id is acknowledged. */
  readonly record: StoredRecord;
  readonly retryCount: number;
  /** It was parked and comes again, as a link that is followed whatever the settings say. */
  readonly replayed: boolean;
}

/** Somebody who reads a group. */
export interface GroupReader {
  readonly connectionName: string;
  readonly login: string;
  /** How many events it holds unacknowledged at most. */
  readonly bufferSize: number;
  readonly inFlight: Map<string, { readonly message: GroupMessage; readonly due: number }>;
  /** How many it was given, those that came again included. */
  total: bigint;
  deliver(message: GroupMessage): void;
  drop(error: StatusError): void;
}

/** What a reader may do with an event that it does not acknowledge. */
export type NackAction = "retry" | "park" | "skip";

const TICK_MS = 1_000;

/** A persistent subscription: one position that many readers share. */
export class Group {
  readonly source: GroupSource;
  readonly name: string;
  /** Where it began: a place, -1 for the end. */
  readonly start: bigint;
  readonly readers: GroupReader[] = [];
  settings: GroupSettings;
  totalItems = 0n;
  readonly #store: EventStore;
  readonly #now: () => number;
  #retries: GroupMessage[] = [];
  #buffer: GroupMessage[] = [];
  /** Where the next event is looked for. */
  #next: bigint;
  /** Places handed out or buffered and not yet done with. */
  readonly #open = new Set<bigint>();
  #lastDone: bigint | undefined;
  #saved: bigint | undefined;
  #savedAt: number;
  #doneSinceSave = 0;
  #turn = 0;
  #stopTimer: (() => void) | undefined;

  constructor(store: EventStore, now: () => number, source: GroupSource, name: string, start: bigint, settings: GroupSettings) {
    this.#store = store;
    this.#now = now;
    this.source = source;
    this.name = name;
    this.start = start;
    this.settings = settings;
    this.#savedAt = now();
    this.#next = start < 0n ? source.end() : start;
  }

  get retryCount(): number {
    return this.#retries.length;
  }

  get bufferedCount(): number {
    return this.#buffer.length;
  }

  get inFlightCount(): number {
    return this.readers.reduce((sum, { inFlight }) => sum + inFlight.size, 0);
  }

  get parkedCount(): bigint {
    const stream = parkedStreamOf(this.source.name, this.name);
    return this.#store.lastNumber(stream) + 1n - this.#store.metadataOf(stream).truncateBefore;
  }

  /** The last place that need not be read again, as a text; empty before the first. */
  get checkpoint(): string {
    return this.#saved === undefined ? "" : this.source.text(this.#saved);
  }

  /** The last place that was seen of the source, as a text. */
  get lastKnown(): string {
    const place = this.#next - 1n;
    const last = this.#lastSeen;
    return last === undefined ? "" : this.source.text(last < place ? last : place);
  }
  #lastSeen: bigint | undefined;

  /** Takes events in, and hands out what readers have room for. */
  pump(): void {
    const room = Math.max(this.settings.historyBufferSize, this.settings.liveBufferSize);
    while (this.#buffer.length < room) {
      const record = this.source.next(this.#next);
      if (record === undefined) break;
      const place = this.source.placeOf(record);
      this.#next = place + 1n;
      this.#lastSeen = place;
      this.#open.add(place);
      this.#buffer.push({ record, retryCount: 0, replayed: false });
    }
    this.#retries = this.#handOut(this.#retries);
    this.#buffer = this.#handOut(this.#buffer);
    this.#arm();
  }

  join(reader: GroupReader): void {
    this.readers.push(reader);
    this.pump();
  }

  /** A reader is gone; what it held goes to others. */
  leave(reader: GroupReader): void {
    const index = this.readers.indexOf(reader);
    if (index < 0) return;
    this.readers.splice(index, 1);
    for (const { message } of reader.inFlight.values()) this.#retry(message);
    reader.inFlight.clear();
    this.pump();
  }

  ack(reader: GroupReader, ids: readonly string[]): void {
    for (const id of ids) this.#settle(reader, id, (message) => this.#done(message));
    this.pump();
  }

  nack(reader: GroupReader, ids: readonly string[], action: NackAction, reason: string): void {
    for (const id of ids) {
      this.#settle(reader, id, (message) => {
        if (action === "retry") this.#retry(message);
        else if (action === "park") this.#park(message, `Client explicitly NAK'ed message.\n${reason}`);
        else this.#done(message);
      });
    }
    this.pump();
  }

  /** Hands parked events out again, before new ones. @param stopAt The first number of the parked stream that stays. */
  replayParked(stopAt: bigint | undefined): void {
    const messages: GroupMessage[] = [];
    const stream = parkedStreamOf(this.source.name, this.name);
    const end = this.#takeParked(stopAt, (record) => {
      const target = linkTarget(record);
      if (target !== undefined && this.#store.readableAt(target.stream, target.number) !== undefined) messages.push({ record, retryCount: 0, replayed: true });
    });
    if (end !== undefined) this.#truncate(stream, end);
    this.#retries.unshift(...messages);
    this.pump();
  }

  /** Ends it for its readers. @param error What they are told. */
  drop(error: StatusError): void {
    for (const reader of this.readers.splice(0)) reader.drop(error);
    this.stop();
  }

  /** The same group from its last checkpoint, without readers. */
  reloaded(settings: GroupSettings, start: bigint): Group {
    this.#save();
    const group = new Group(this.#store, this.#now, this.source, this.name, start, settings);
    group.#saved = this.#saved;
    if (this.#saved !== undefined) group.#next = this.#saved + 1n;
    group.pump();
    return group;
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #handOut(messages: GroupMessage[]): GroupMessage[] {
    if (this.readers.length === 0) return messages;
    return messages.filter((message) => {
      const reader = choose(this.readers, this.settings.strategy, message, this.#turn);
      if (reader === undefined) return true;
      this.#turn = this.readers.indexOf(reader) + 1;
      reader.inFlight.set(message.record.id, { message, due: this.#now() + this.settings.messageTimeoutMs });
      reader.total += 1n;
      this.totalItems += 1n;
      reader.deliver(message);
      return false;
    });
  }

  #settle(reader: GroupReader, id: string, settle: (message: GroupMessage) => void): void {
    const held = reader.inFlight.get(id);
    if (held === undefined) return;
    reader.inFlight.delete(id);
    settle(held.message);
  }

  #retry(message: GroupMessage): void {
    const { maxRetryCount } = this.settings;
    if (message.retryCount >= maxRetryCount) this.#park(message, `Reached retry count of ${maxRetryCount}`);
    else this.#retries.push({ ...message, retryCount: message.retryCount + 1 });
  }

  #park(message: GroupMessage, reason: string): void {
    const { record } = message;
    const target = message.replayed ? linkTarget(record) : undefined;
    const place = target ?? record;
    const metadata = { added: new Date(this.#now()).toISOString(), reason, subscriptionEventNumber: Number(record.number) };
    this.#write(parkedStreamOf(this.source.name, this.name), "$>", `${place.number}@${place.stream}`, JSON.stringify(metadata, null, 2), false);
    this.#done(message);
  }

  #done(message: GroupMessage): void {
    if (message.replayed) return;
    this.#open.delete(this.source.placeOf(message.record));
    const last = this.source.placeOf(message.record);
    if (this.#lastDone === undefined || last > this.#lastDone) this.#lastDone = last;
    this.#doneSinceSave += 1;
    const { maxCheckpointCount } = this.settings;
    if (maxCheckpointCount > 0 && this.#doneSinceSave >= maxCheckpointCount) this.#save();
  }

  /** The last place before which all is done. */
  #doneUpTo(): bigint | undefined {
    let place = this.#lastDone;
    if (place === undefined) return undefined;
    for (const open of this.#open) if (open <= place) place = open - 1n;
    return place < 0n ? undefined : place;
  }

  #save(): void {
    const place = this.#doneUpTo();
    this.#savedAt = this.#now();
    this.#doneSinceSave = 0;
    if (place === undefined || place === this.#saved) return;
    this.#saved = place;
    this.#write(checkpointStreamOf(this.source.name, this.name), "$SubscriptionCheckpoint", JSON.stringify(this.source.text(place)), "", true);
  }

  #write(stream: string, type: string, data: string, customMetadata: string, isJson: boolean): void {
    const encoder = new TextEncoder();
    const record: NewRecord = { id: randomUuid(), type, isJson, data: encoder.encode(data), customMetadata: encoder.encode(customMetadata) };
    this.#store.write(stream, [record]);
    // After the caller has finished, since whoever is told may come back here.
    queueMicrotask(() => this.#store.announce());
  }

  #takeParked(stopAt: bigint | undefined, take: (record: StoredRecord) => void): bigint | undefined {
    const stream = parkedStreamOf(this.source.name, this.name);
    const end = this.#store.lastNumber(stream) + 1n;
    const stop = stopAt !== undefined && stopAt < end ? stopAt : end;
    const first = this.#store.metadataOf(stream).truncateBefore;
    for (let number = first; number < stop; number += 1n) take(this.#store.recordAt(stream, number) as StoredRecord);
    // Whoever says where to stop moves the beginning there, back as well: the real server does.
    return stop > first || stopAt !== undefined ? stop : undefined;
  }

  #truncate(stream: string, before: bigint): void {
    this.#write(metadataStreamOf(stream), "$metadata", JSON.stringify({ $tb: Number(before) }), "", true);
  }

  #arm(): void {
    if (this.#stopTimer !== undefined || (this.inFlightCount === 0 && this.#doneSinceSave === 0)) return;
    this.#stopTimer = startTimer(TICK_MS, () => {
      this.#stopTimer = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#now();
    for (const { inFlight } of this.readers) {
      for (const [id, { message, due }] of inFlight) {
        if (due > now) continue;
        inFlight.delete(id);
        this.#retry(message);
      }
    }
    const { checkpointAfterMs, minCheckpointCount } = this.settings;
    const isDue = checkpointAfterMs > 0 && now - this.#savedAt >= checkpointAfterMs && this.#doneSinceSave >= minCheckpointCount;
    if (isDue && this.#doneSinceSave > 0) this.#save();
    this.pump();
  }
}
