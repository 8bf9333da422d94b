import { setTimeout as pause } from "node:timers/promises";
import type { NewEvent, UmaDb } from "millrace/umadb";
import type { Random } from "../support/random-message.js";

export const TAGS = ["red", "green", "blue"] as const;

/** Appends batches of 1 to 20 events of up to 3 KB, one batch after the other, until it is stopped. */
export class Writer {
  /** The position of the last event appended. */
  last = 0n;
  /** Events appended. */
  count = 0;
  readonly #store: UmaDb;
  readonly #random: Random;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(store: UmaDb, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#done = this.#write();
    this.#done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const events = Array.from({ length: 1 + this.#random.int(20) }, () => eventOf(this.#random, this.count++));
      this.last = await this.#store.append(events);
      // A stream that never rests has no idle moment for a cut to fall into.
      await pause(5);
    }
  }
}

export function eventOf(random: Random, n: number): NewEvent {
  const size = random.chance(0.1) ? 3_000 : random.int(300);
  return { type: `number-${n % 3}`, tags: [random.pick(TAGS)], data: new TextEncoder().encode(`${n} ${"x".repeat(size)}`) };
}
