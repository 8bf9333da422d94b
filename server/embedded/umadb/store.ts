import type {
  AppendCondition, AppendRequest, Event, Query, ReadRequest, ReadResponse, SequencedEvent,
} from "millrace/internal/gen/static/umadb/v1/umadb";
import { parseUuid } from "millrace/internal/core/uuid";
import { matches } from "millrace/internal/umadb/matching";
import { batchesOf, clampBatchSize } from "./batches.js";
import { conflict, invalidArgument, umadbError } from "./errors.js";
import { validateAppend } from "./validate.js";

const MAX_U64 = 2n ** 64n - 1n;

/** UmaDB's events and tracking positions, in memory, with the real server's semantics. */
export class UmaDbStore {
  /** The event at position n is at index n - 1. */
  readonly #events: SequencedEvent[] = [];
  readonly #tracking = new Map<string, bigint>();
  readonly #listeners = new Set<() => void>();

  /** The last position; `undefined` while the store is empty. */
  get head(): bigint | undefined {
    return this.#events.length === 0 ? undefined : BigInt(this.#events.length);
  }

  trackingPosition(source: string): bigint | undefined {
    return this.#tracking.get(source);
  }

  /** Calls `listener` after each append that stored something. @returns Stops that. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  /**
   * Stores all events or none.
   *
   * @returns The position of the last event; 0 for an empty list.
   * @throws {StatusError} A bad uuid, a conflict, an event that no page holds. Nothing is stored then.
   */
  append(request: AppendRequest): bigint {
    const events = request.events.map(withUuid);
    const repeated = this.#check(request.condition, events);
    if (repeated !== undefined) return repeated;
    validateAppend(request);
    this.#track(request);
    for (const event of events) {
      this.#events.push({ position: BigInt(this.#events.length + 1), event, trackingInfo: request.trackingInfo });
    }
    if (events.length === 0) return 0n;
    for (const listener of [...this.#listeners]) listener();
    return BigInt(this.#events.length);
  }

  /** The messages of a read, each with the head that belongs to it. */
  *read(request: ReadRequest): Generator<ReadResponse> {
    if (request.subscribe === true) throw invalidArgument("subscribe is not supported by Read, use Subscribe");
    if (request.limit === 0) return;
    const { limit } = request;
    const head = this.head;
    const found = this.#select(request.query, this.#range(request), limit);
    let any = false;
    for (const { events, last } of batchesOf(found, clampBatchSize(request.batchSize))) {
      any = true;
      const lastOfMessage = events[events.length - 1]?.position;
      yield { events, head: !last ? undefined : limit === undefined ? head : lastOfMessage };
    }
    if (!any) yield { events: [], head: limit === undefined ? head : undefined };
  }

  /** Matching events past `after` that are stored now, in batches. */
  *after(query: Query | undefined, after: bigint, batchSize: number): Generator<SequencedEvent[]> {
    const range = this.#forwards(after + 1n);
    for (const { events } of batchesOf(this.#select(query, range, undefined), batchSize)) yield events;
  }

  #track({ trackingInfo }: AppendRequest): void {
    if (trackingInfo === undefined) return;
    const { source, position } = trackingInfo;
    const recorded = this.#tracking.get(source);
    if (recorded !== undefined && position <= recorded) {
      throw conflict(`non-increasing tracking position for source '${source}': ${position} <= ${recorded}`);
    }
    this.#tracking.set(source, position);
  }

  /**
   * @returns The position of the repeat's last event, when the condition fails only because this very append was stored before.
   */
  #check(condition: AppendCondition | undefined, events: readonly Event[]): bigint | undefined {
    if (condition === undefined) return undefined;
    const start = ((condition.after ?? 0n) + 1n) & MAX_U64;
    const found = [...this.#select(condition.failIfEventsMatch, this.#forwards(start), Math.max(1, events.length))];
    const [first] = found;
    if (first === undefined) return undefined;
    if (events.length === 0) throw invalidArgument("no events to append");
    if (isRepeat(events, found)) return found[found.length - 1]?.position;
    throw conflict(`matched: position ${first.position}`);
  }

  *#select(query: Query | undefined, range: Iterable<SequencedEvent>, limit: number | undefined): Generator<SequencedEvent> {
    let left = limit ?? Number.POSITIVE_INFINITY;
    for (const stored of range) {
      if (!matches(query, stored.event as Event)) continue;
      yield stored;
      if (--left <= 0) return;
    }
  }

  #range({ start, backwards }: ReadRequest): Iterable<SequencedEvent> {
    return backwards === true ? this.#backwards(start ?? MAX_U64) : this.#forwards(start ?? 0n, this.#events.length);
  }

  *#forwards(start: bigint, end = this.#events.length): Generator<SequencedEvent> {
    const from = start > BigInt(end) ? end : Math.max(0, Number(start) - 1);
    for (let at = from; at < end; at++) yield this.#events[at] as SequencedEvent;
  }

  *#backwards(start: bigint): Generator<SequencedEvent> {
    const from = start > BigInt(this.#events.length) ? this.#events.length : Number(start);
    for (let at = from - 1; at >= 0; at--) yield this.#events[at] as SequencedEvent;
  }
}

function withUuid(event: Event): Event {
  if (event.uuid === "") return event;
  const uuid = parseUuid(event.uuid);
  if (uuid === undefined) throw umadbError("CORRUPTION", "deserialization error: Invalid UUID in Event");
  return { ...event, uuid };
}

function isRepeat(events: readonly Event[], found: readonly SequencedEvent[]): boolean {
  return found.length === events.length && events.every(({ uuid }, at) => uuid !== "" && uuid === found[at]?.event?.uuid);
}
