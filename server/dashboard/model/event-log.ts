import { weightOf, type StoredEvent } from "./stored-event.js";

/** How much an {@link EventLog} keeps. */
export interface EventLogLimits {
  /** Events, 10 000 by default. */
  readonly capacity?: number;
  /** Bytes of memory, roughly; 64 MiB by default. The newest event stays, however large. */
  readonly maxBytes?: number;
}

/**
 * The newest events, without gaps: when something has to go it is the oldest. While it is paused the visible list stands
 * still and arriving events are held behind it, within the same limits.
 */
export class EventLog {
  readonly capacity: number;
  #visible: Bounded;
  #held: Bounded;
  #heldTotal = 0;
  #paused = false;

  constructor({ capacity = 10_000, maxBytes = 64 * 1024 * 1024 }: EventLogLimits = {}) {
    this.capacity = capacity;
    this.#visible = new Bounded(capacity, maxBytes);
    this.#held = new Bounded(capacity, maxBytes);
  }

  /** How many events are visible. */
  get size(): number {
    return this.#visible.items.length;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** How many events have come since `pause()`. */
  get heldBack(): number {
    return this.#heldTotal;
  }

  /** Whether older events would still fit. */
  get hasRoom(): boolean {
    return this.#visible.hasRoom;
  }

  /** The visible event at an index; 0 is the newest. */
  at(index: number): StoredEvent | undefined {
    return this.#visible.items[this.size - 1 - index];
  }

  /** The index of a position, -1 when it is not visible. */
  indexOf(position: bigint): number {
    let low = 0;
    let high = this.size - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#visible.items[middle]!.position;
      if (found === position) return this.size - 1 - middle;
      if (found < position) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Takes events that follow the newest one, in ascending order. */
  add(events: readonly StoredEvent[]): void {
    if (this.#paused) {
      this.#heldTotal += events.length;
      this.#held.add(events);
    } else {
      this.#visible.add(events);
    }
  }

  /** Takes events that precede the oldest visible one, newest first, as far as there is room. */
  addOlder(events: readonly StoredEvent[]): void {
    this.#visible.addOlder(events);
  }

  pause(): void {
    this.#paused = true;
  }

  /** Shows what was held back. */
  resume(): void {
    // Events that the limits pushed out of the held ones would leave a hole behind the visible ones.
    if (this.#heldTotal > this.#held.items.length) this.#visible.clear();
    this.#visible.add(this.#held.items);
    this.#held.clear();
    this.#heldTotal = 0;
    this.#paused = false;
  }

  /** Forgets everything, and keeps being paused or not. */
  clear(): void {
    this.#visible.clear();
    this.#held.clear();
    this.#heldTotal = 0;
  }
}

/** Events in ascending order, bounded in number and weight. */
class Bounded {
  readonly items: StoredEvent[] = [];
  readonly #capacity: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(capacity: number, maxBytes: number) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
  }

  get hasRoom(): boolean {
    return this.items.length < this.#capacity && this.#bytes < this.#maxBytes;
  }

  add(events: readonly StoredEvent[]): void {
    for (const event of events) {
      this.items.push(event);
      this.#bytes += weightOf(event);
    }
    let surplus = 0;
    while (this.items.length - surplus > this.#capacity || (this.#bytes > this.#maxBytes && this.items.length - surplus > 1)) {
      this.#bytes -= weightOf(this.items[surplus]!);
      surplus++;
    }
    this.items.splice(0, surplus);
  }

  addOlder(events: readonly StoredEvent[]): void {
    const fitting: StoredEvent[] = [];
    for (const event of events) {
      const weight = weightOf(event);
      if (this.items.length + fitting.length >= this.#capacity || this.#bytes + weight > this.#maxBytes) break;
      fitting.push(event);
      this.#bytes += weight;
    }
    this.items.unshift(...fitting.reverse());
  }

  clear(): void {
    this.items.length = 0;
    this.#bytes = 0;
  }
}
