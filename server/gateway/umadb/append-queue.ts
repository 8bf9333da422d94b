import type { Client } from "../exchange.js";

/** The right to have one append under way. */
export interface AppendSlot {
  /** Gives it to the next. Harmless when repeated. */
  release(): void;
}

/** A place in the queue. */
export interface AppendTicket {
  /** Leaves the queue; harmless when the slot was given already. */
  leave(): void;
}

/** How many may be under way, in all and of one address, and how many may wait. */
export interface AppendQueueLimits {
  readonly slots: number;
  readonly slotsPerAddress: number;
  readonly waiting: number;
}

interface Waiter {
  readonly client: Client;
  readonly enter: (slot: AppendSlot) => void;
}

/**
 * Hands out the slots for appends that must not be many: connections take turns, whatever each of them has waiting,
 * and one address never has them all.
 */
export class AppendQueue {
  readonly #limits: AppendQueueLimits;
  /** Who waits, by connection; the connection whose turn it is comes first. */
  readonly #waiting = new Map<object, Waiter[]>();
  readonly #usedBy = new Map<string, number>();
  #used = 0;
  #waitingCount = 0;

  constructor(limits: AppendQueueLimits) {
    this.#limits = limits;
  }

  /** Appends under way. */
  get used(): number {
    return this.#used;
  }

  /** Appends that wait. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /**
   * Waits for a slot.
   *
   * @param enter Gets the slot, possibly before this returns.
   * @returns `undefined` when too many wait already.
   */
  join(client: Client, enter: (slot: AppendSlot) => void): AppendTicket | undefined {
    if (this.#waitingCount >= this.#limits.waiting) return undefined;
    const waiter: Waiter = { client, enter };
    const line = this.#waiting.get(client.connection);
    if (line === undefined) this.#waiting.set(client.connection, [waiter]);
    else line.push(waiter);
    this.#waitingCount += 1;
    this.#serve();
    return { leave: () => this.#remove(waiter) };
  }

  #serve(): void {
    while (this.#used < this.#limits.slots) {
      const waiter = this.#next();
      if (waiter === undefined) return;
      this.#remove(waiter);
      this.#rotate(waiter.client.connection);
      this.#use(waiter.client.address, 1);
      waiter.enter(this.#slot(waiter.client.address));
    }
  }

  #next(): Waiter | undefined {
    for (const [first] of this.#waiting.values()) {
      if (first !== undefined && this.#usage(first.client.address) < this.#limits.slotsPerAddress) return first;
    }
    return undefined;
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
    this.#waitingCount -= 1;
    if (line.length === 0) this.#waiting.delete(waiter.client.connection);
  }

  #slot(address: string): AppendSlot {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#use(address, -1);
        this.#serve();
      },
    };
  }

  #usage(address: string): number {
    return this.#usedBy.get(address) ?? 0;
  }

  #use(address: string, change: 1 | -1): void {
    this.#used += change;
    const usage = this.#usage(address) + change;
    if (usage === 0) this.#usedBy.delete(address);
    else this.#usedBy.set(address, usage);
  }
}
