import type { Client } from "../../exchange.js";
import { Tally } from "../../tally.js";

/** The right to have one append under way. */
export interface AppendSlot {
  /** The append has ended: gives the slot to the next. Harmless when repeated. */
  release(): void;
  /** The append may never end, through no fault of its own, and keeps nobody else waiting: gives the slot up early. */
  giveUp(): void;
}

/** A place in the queue. */
export interface AppendTicket {
  /** Leaves the queue; harmless when the slot was given already. */
  leave(): void;
}

/** How many may be under way, in all and of one address while others want some too, and how many may wait. */
export interface AppendQueueLimits {
  readonly slots: number;
  readonly slotsPerAddress: number;
  readonly waiting: number;
}

/** An append that takes longer was slow, or was behind one that is: its server works on one at a time. */
const SLOW_MS = 150;
/** How many appends an address may have under way to begin with, and while they are slow. */
const LEAST_PACE = 1;

interface Waiter {
  readonly client: Client;
  readonly enter: (slot: AppendSlot) => void;
}

/**
 * Hands out the slots for appends that must not be many: connections take turns, whatever each of them has waiting,
 * and one address never has them all.
 *
 * The server works on one append at a time, so many slow ones under way gain nothing, and whoever comes waits for them
 * all. So an address begins with one, gets one more for each that was quick while others of it waited, and half as many
 * for each that was slow: what is under way takes about as long as one slow append, whatever an append takes.
 */
export class AppendQueue {
  readonly #limits: AppendQueueLimits;
  /** Who waits, by connection; the connection whose turn it is comes first. */
  readonly #waiting = new Map<object, Waiter[]>();
  readonly #waitingFrom = new Tally<string>();
  readonly #usedBy = new Tally<string>();
  readonly #now: () => number;
  #pace = LEAST_PACE;

  /** @param now The time in milliseconds, from any beginning. */
  constructor(limits: AppendQueueLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Appends under way. */
  get used(): number {
    return this.#usedBy.total;
  }

  /** Appends that wait. */
  get waiting(): number {
    return this.#waitingFrom.total;
  }

  /**
   * Waits for a slot.
   *
   * @param enter Gets the slot, possibly before this returns.
   * @returns `undefined` when too many wait already.
   */
  join(client: Client, enter: (slot: AppendSlot) => void): AppendTicket | undefined {
    if (this.waiting >= this.#limits.waiting) return undefined;
    const waiter: Waiter = { client, enter };
    const line = this.#waiting.get(client.connection);
    if (line === undefined) this.#waiting.set(client.connection, [waiter]);
    else line.push(waiter);
    this.#waitingFrom.add(client.address, 1);
    this.#serve();
    return { leave: () => this.#remove(waiter) };
  }

  #serve(): void {
    while (this.used < this.#limits.slots) {
      const waiter = this.#next();
      if (waiter === undefined) return;
      this.#remove(waiter);
      this.#rotate(waiter.client.connection);
      this.#usedBy.add(waiter.client.address, 1);
      waiter.enter(this.#slot(waiter.client.address));
    }
  }

  #next(): Waiter | undefined {
    for (const [first] of this.#waiting.values()) {
      if (first !== undefined && this.#mayHaveOne(first.client.address)) return first;
    }
    return undefined;
  }

  /** An address that has the queue to itself need not wait for slots that nobody wants, but leaves one for whoever comes. */
  #mayHaveOne(address: string): boolean {
    const { slots, slotsPerAddress } = this.#limits;
    const used = this.#usedBy.of(address);
    const alone = this.#usedBy.total === used && this.#waitingFrom.total === this.#waitingFrom.of(address);
    return used < Math.min(this.#pace, alone ? Math.max(slotsPerAddress, slots - 1) : slotsPerAddress);
  }

  /** The connection had its turn: the others come before it. */
  #rotate(connection: object): void {
    const line = this.#waiting.get(connection);
    if (line === undefined) return;
    this.#waiting.delete(connection);
    this.#waiting.set(connection, line);
  }

  #remove(waiter: Waiter): void {
    const line = this.#waiting.get(waiter.client.connection);
    const at = line?.indexOf(waiter) ?? -1;
    if (line === undefined || at < 0) return;
    line.splice(at, 1);
    this.#waitingFrom.add(waiter.client.address, -1);
    if (line.length === 0) this.#waiting.delete(waiter.client.connection);
  }

  #slot(address: string): AppendSlot {
    const since = this.#now();
    let held = true;
    const end = (slow: boolean): void => {
      if (!held) return;
      held = false;
      this.#adapt(slow, this.#waitingFrom.of(address) > 0);
      this.#usedBy.add(address, -1);
      this.#serve();
    };
    return {
      release: () => end(this.#now() - since > SLOW_MS),
      giveUp: () => end(false),
    };
  }

  #adapt(slow: boolean, othersWait: boolean): void {
    if (slow) this.#pace = Math.max(LEAST_PACE, Math.floor(this.#pace / 2));
    else if (othersWait) this.#pace = Math.min(this.#pace + 1, this.#limits.slots);
  }
}
