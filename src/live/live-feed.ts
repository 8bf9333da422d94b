import { invalidArgument } from "../core/arguments.js";
import type { Subscription, SubscriptionState } from "../core/subscription.js";
import { nextFrame } from "./frame.js";
import { RateMeter } from "./rate.js";
import { RingBuffer } from "./ring-buffer.js";

/** What a feed keeps of an item: a plain copy where the item offers one, since a kept view pins the chunk it came in. */
export type Kept<Item> = Item extends { toObject(): infer Plain } ? Plain : Item;

/** What a dashboard shows of a feed. The same object until something changes. */
export interface LiveSnapshot<Item> {
  /** The newest items, oldest first, at most `capacity`. */
  readonly items: readonly Kept<Item>[];
  /** How many items came since the feed was made. */
  readonly total: number;
  /** Items a second, over the last `rateWindowMs`. */
  readonly rate: number;
  /** Where the subscription stands; `paused` while the feed is told to hold still. */
  readonly state: SubscriptionState | { readonly kind: "paused" };
  /** The position up to which everything has been taken. */
  readonly position: bigint | undefined;
  /** What ended the feed for good; `undefined` while it goes on, and after `close()`. */
  readonly error: unknown;
}

/** How a feed keeps and counts. */
export interface LiveFeedOptions {
  /** Items kept; older ones are dropped. 1 000 by default. */
  capacity?: number | undefined;
  /** The time over which `rate` is the mean, in milliseconds; 10 000 by default. */
  rateWindowMs?: number | undefined;
}

/** A subscription as a store that any UI framework can watch (`useSyncExternalStore` in React). */
export interface LiveFeed<Item> {
  /** Calls `listener` after changes, at most once a frame. The first listener opens the subscription. @returns Stops that. */
  subscribe(listener: () => void): () => void;
  /** What there is to show. */
  getSnapshot(): LiveSnapshot<Item>;
  /** What a server renders: nothing yet, connecting. */
  getServerSnapshot(): LiveSnapshot<Item>;
  /** Takes no more items until {@link LiveFeed.resume}. Nothing is lost: reading goes on at the same place. */
  pause(): void;
  /** Goes on after {@link LiveFeed.pause}. */
  resume(): void;
  /** Ends the subscription. The snapshot stays. Idempotent. */
  close(): Promise<void>;
}

/**
 * Watches a subscription for a UI. It goes on until `close()`, whether anybody listens or not.
 *
 * @param open Opens the subscription, once, when the first listener comes. `signal` is aborted by `close()`.
 * @throws {MillraceError} `invalid_argument` for a capacity or window that is not a positive integer. Nothing was opened.
 */
export function liveFeed<Item>(open: (signal: AbortSignal) => Subscription<Item>, options: LiveFeedOptions = {}): LiveFeed<Item> {
  const capacity = positive("capacity", options.capacity ?? 1_000);
  return new Feed(open, capacity, positive("rateWindowMs", options.rateWindowMs ?? 10_000));
}

function positive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw invalidArgument(name, value, "must be an integer from 1");
  return value;
}

const CONNECTING: SubscriptionState = { kind: "connecting" };
const EMPTY: LiveSnapshot<never> = { items: [], total: 0, rate: 0, state: CONNECTING, position: undefined, error: undefined };

class Feed<Item> implements LiveFeed<Item> {
  readonly #open: (signal: AbortSignal) => Subscription<Item>;
  readonly #ring: RingBuffer<Kept<Item>>;
  readonly #rate: RateMeter;
  readonly #own = new AbortController();
  readonly #listeners = new Set<() => void>();
  #subscription: Subscription<Item> | undefined;
  #snapshot: LiveSnapshot<Item> = EMPTY;
  #error: unknown;
  #frame: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #paused: { over: Promise<void>; end: () => void } | undefined;
  #cooling: ReturnType<typeof setTimeout> | undefined;

  constructor(open: (signal: AbortSignal) => Subscription<Item>, capacity: number, rateWindowMs: number) {
    this.#open = open;
    this.#ring = new RingBuffer(capacity);
    this.#rate = new RateMeter(rateWindowMs);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#start();
    return () => { this.#listeners.delete(listener); };
  };

  readonly getSnapshot = (): LiveSnapshot<Item> => this.#snapshot;

  readonly getServerSnapshot = (): LiveSnapshot<Item> => EMPTY;

  pause(): void {
    if (this.#paused !== undefined) return;
    let end = (): void => {};
    const over = new Promise<void>((resolve) => { end = resolve; });
    this.#paused = { over, end };
    this.#touch();
  }

  resume(): void {
    this.#paused?.end();
    this.#paused = undefined;
    this.#touch();
  }

  async close(): Promise<void> {
    this.resume();
    await this.#subscription?.close();
    await this.#running;
    this.#own.abort();
    this.#refresh();
  }

  #start(): void {
    if (this.#subscription !== undefined || this.#own.signal.aborted) return;
    this.#subscription = this.#open(this.#own.signal);
    this.#subscription.onStateChange(() => this.#touch());
    this.#running = this.#run(this.#subscription);
  }

  async #run(subscription: Subscription<Item>): Promise<void> {
    try {
      for await (const batch of subscription.batches()) {
        for (const item of batch) this.#ring.push(keep(item));
        this.#rate.add(batch.length, Date.now());
        this.#touch();
        await this.#paused?.over;
      }
    } catch (error) {
      this.#error = error;
    }
    this.#touch();
  }

  /** Something changed: listeners hear of it in the next frame. */
  #touch(): void {
    if (!this.#own.signal.aborted) this.#frame ??= nextFrame(() => this.#refresh());
  }

  #refresh(): void {
    this.#frame?.();
    this.#frame = undefined;
    const now = Date.now();
    this.#snapshot = {
      items: this.#ring.toArray(),
      total: this.#ring.total,
      rate: this.#rate.perSecond(now),
      state: this.#state(),
      position: this.#subscription?.position,
      error: this.#error,
    };
    this.#coolDown(now);
    for (const listener of [...this.#listeners]) listener();
  }

  #state(): LiveSnapshot<Item>["state"] {
    const state = this.#subscription?.state ?? CONNECTING;
    return this.#paused !== undefined && state.kind !== "closed" ? { kind: "paused" } : state;
  }

  /** A rate falls while nothing comes, so it is looked at again until it is 0. */
  #coolDown(now: number): void {
    clearTimeout(this.#cooling);
    if (this.#rate.perSecond(now) > 0 && !this.#own.signal.aborted) this.#cooling = setTimeout(() => this.#touch(), 1_000);
  }
}

function keep<Item>(item: Item): Kept<Item> {
  const view = item as { toObject?: () => Kept<Item> };
  return typeof view.toObject === "function" ? view.toObject() : (item as Kept<Item>);
}
