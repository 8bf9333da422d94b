import { UmaDb } from "millrace/umadb";
import { event, type Store } from "./store.js";
import { pause } from "./wait.js";

export interface NeighbourFigures {
  readonly subscriptions: number;
  readonly written: number;
  /** Events that a subscription should have seen and did not, over all subscriptions. */
  readonly missed: number;
  /** Events out of order or seen twice. */
  readonly disordered: number;
  /** Subscriptions that ended, or that left `live` and `catching-up`, while they were watched. */
  readonly disturbed: number;
  /** Milliseconds from the store's answer to the writer until a subscription had the event. */
  readonly deliveryMs: number[];
}

/** Other people's subscriptions through the same gateway, and a writer that gives them something to see. */
export class Neighbours {
  readonly #db: UmaDb;
  readonly #tag: string;
  readonly #store: Store;
  readonly #writtenAt = new Map<bigint, number>();
  readonly #seen: bigint[][];
  readonly #deliveryMs: number[] = [];
  readonly #subscriptions: ReturnType<UmaDb["subscribe"]>[] = [];
  #disturbed = 0;
  #stopped = false;
  #writer: Promise<void> | undefined;

  private constructor(url: string, store: Store, count: number) {
    this.#db = new UmaDb({ url });
    this.#store = store;
    this.#tag = `neighbour-${crypto.randomUUID()}`;
    this.#seen = Array.from({ length: count }, () => []);
  }

  /** Opens the subscriptions and lets the writer append every `everyMs`, straight to the store. */
  static async start(url: string, store: Store, count: number, everyMs = 50): Promise<Neighbours> {
    const neighbours = new Neighbours(url, store, count);
    const after = await store.head();
    await Promise.all(neighbours.#seen.map((seen) => neighbours.#subscribe(seen, after)));
    neighbours.#writer = neighbours.#write(everyMs);
    return neighbours;
  }

  get written(): number {
    return this.#writtenAt.size;
  }

  /** Ends the writer, waits for what is under way, and closes. */
  async stop(): Promise<NeighbourFigures> {
    this.#stopped = true;
    await this.#writer;
    const deadline = performance.now() + 10_000;
    while (this.#missed() > 0 && performance.now() < deadline) await pause(20);
    const missed = this.#missed();
    for (const subscription of this.#subscriptions) await subscription.close();
    await this.#db.close();
    return {
      subscriptions: this.#seen.length,
      written: this.#writtenAt.size,
      missed,
      disordered: this.#seen.filter((seen) => seen.some((position, n) => n > 0 && position <= (seen[n - 1] ?? 0n))).length,
      disturbed: this.#disturbed,
      deliveryMs: this.#deliveryMs,
    };
  }

  async #subscribe(seen: bigint[], after: bigint): Promise<void> {
    const subscription = this.#db.subscribe({ items: [{ tags: [this.#tag] }] }, { after });
    this.#subscriptions.push(subscription);
    subscription.onStateChange(({ kind }) => {
      if (!this.#stopped && (kind === "waiting" || kind === "closed")) this.#disturbed++;
    });
    void this.#consume(subscription, seen);
    await subscription.opened;
  }

  async #consume(subscription: ReturnType<UmaDb["subscribe"]>, seen: bigint[]): Promise<void> {
    try {
      for await (const { position } of subscription) {
        seen.push(position);
        const written = this.#writtenAt.get(position);
        this.#deliveryMs.push(written === undefined ? 0 : performance.now() - written);
      }
    } catch {
      // Counted by the listener, or below when the subscription has no listener for it.
    }
    if (!this.#stopped) this.#disturbed++;
  }

  async #write(everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const position = await this.#store.append([event("tick", [this.#tag], new Uint8Array(64))]);
      this.#writtenAt.set(position, performance.now());
      await pause(everyMs);
    }
  }

  #missed(): number {
    return this.#seen.reduce((missed, seen) => missed + [...this.#writtenAt.keys()].filter((position) => !new Set(seen).has(position)).length, 0);
  }
}
