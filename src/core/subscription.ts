import { asyncDispose } from "./dispose.js";
import { MillraceError } from "./errors.js";
import { iterations } from "./iterations.js";
import { linkSignals, onAbort, type Ending, type LinkedSignal } from "./signal.js";
import { step, type Feed, type FeedInput, type ResumePolicy } from "./resume.js";

/**
 * Where a subscription stands. `connecting`: a call is being opened. `catching-up`: stored events are coming. `live`:
 * all that was stored when the call was opened has been taken. `waiting`: the connection was lost because of `cause`
 * and is tried again at `retryAt` (milliseconds since 1970) or sooner when the page comes back. `closed`: it ended, by
 * its consumer or because of `cause`.
 */
export type SubscriptionState =
  | { readonly kind: "connecting" | "catching-up" | "live" }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number; readonly cause: unknown }
  | { readonly kind: "closed"; readonly cause?: unknown };

/** A read that stays open, and opens itself again where it was when its connection is lost. */
export interface Subscription<Item, Position = bigint> extends AsyncIterable<Item> {
  /** Where it stands now. */
  readonly state: SubscriptionState;
  /** The position of the last event that its consumer came back from; before the first, the position that it began after. */
  readonly position: Position | undefined;
  /**
   * Opens it, if no iteration has, and resolves when the server has taken the call. Rejects when the subscription ends
   * before that; a lost connection is tried again meanwhile.
   */
  readonly opened: Promise<void>;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: SubscriptionState) => void): () => void;
  /** Events in the batches in which they arrive, which is the fastest way to take them. Leaving the loop ends the subscription. */
  batches(): AsyncIterableIterator<Item[]>;
  /** Events one by one. Leaving the loop ends the subscription, or with `preventCancel` keeps it for another iteration, which goes on at its place. */
  values(options?: { preventCancel?: boolean | undefined }): AsyncIterableIterator<Item>;
  /** Ends it and frees its request. What waits for an event is told that there is none. Idempotent. */
  close(): Promise<void>;
}

/** Where a subscription begins: after a position, at the end of what is stored, or (`undefined`) at the very beginning. */
export type StartAfter<Position> = Position | "end" | undefined;

/** One opened call, as a system gives it. */
export interface OpenedFeed<Item, Position> {
  /** Where the call reads on from; for a start at the end that is the last position stored, `undefined` when there is none. */
  readonly after: Position | undefined;
  /** Whether an event at `position`, or nothing at all (`undefined`), leaves nothing stored to be taken. */
  caughtUpAt(position: Position | undefined): boolean;
  /** The next events, at least one; `undefined` when the server ended the call. */
  next(): Promise<Item[] | undefined>;
  /** Leaves the call at once. */
  close(): void;
}

/** What a system gives so that its subscriptions resume. */
export interface FeedSource<Item, Position> {
  /** Opens a call that delivers what lies after `after`. Rejects at once with the reason of `signal` when that is aborted. */
  open(after: StartAfter<Position>, signal: AbortSignal): Promise<OpenedFeed<Item, Position>>;
  positionOf(item: Item): Position;
  /** Whether trying again cannot mend `error`. */
  isFinal(error: unknown): boolean;
}

/** What time it is, how to wait, and luck; tests bring their own. */
export interface ResumeClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Resolves after `ms`, sooner when the page or the network comes back; rejects with the signal's reason. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** How a {@link ResumingSubscription} behaves. */
export interface ResumeOptions<Position> {
  after: StartAfter<Position>;
  policy: ResumePolicy;
  clock: ResumeClock;
  /** The caller's signal: aborting it ends the subscription, whose iteration then rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** The end of its client does the same. */
  closed?: Ending | undefined;
}

/**
 * A subscription over a source. Nothing is opened before its first `next()` or `opened`; one batch is held at most,
 * and while nobody takes it nothing more is read.
 */
export class ResumingSubscription<Item, Position> implements Subscription<Item, Position> {
  readonly #source: FeedSource<Item, Position>;
  readonly #options: ResumeOptions<Position>;
  readonly #scope: LinkedSignal;
  readonly #iterate = iterations();
  readonly #listeners = new Set<(state: SubscriptionState) => void>();
  #feed: Feed<StartAfter<Position>>;
  #call: OpenedFeed<Item, Position> | undefined;
  #held: Item[] = [];
  #at = 0;
  /** The last event handed out, until its consumer comes back. */
  #out: Item | undefined;
  #position: Position | undefined;
  #opened: Promise<void> | undefined;
  #opening: Promise<void> | undefined;

  constructor(source: FeedSource<Item, Position>, options: ResumeOptions<Position>) {
    const { after } = options;
    this.#source = source;
    this.#options = options;
    this.#feed = { kind: "connecting", after, attempt: 0 };
    this.#position = after === "end" ? undefined : after;
    this.#scope = linkSignals(options.signal, options.closed);
    onAbort(this.#scope.signal, (cause) => this.#input({ kind: "close", cause }));
  }

  get state(): SubscriptionState {
    return publicState(this.#feed);
  }

  get position(): Position | undefined {
    return this.#position;
  }

  get opened(): Promise<void> {
    this.#opened ??= this.#ensureOpen();
    this.#opened.catch(() => {});
    return this.#opened;
  }

  onStateChange(listener: (state: SubscriptionState) => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Item> {
    return this.values();
  }

  values({ preventCancel = false }: { preventCancel?: boolean | undefined } = {}): AsyncIterableIterator<Item> {
    return this.each((item) => item, preventCancel);
  }

  batches(): AsyncIterableIterator<Item[]> {
    return this.#iterateBy(() => {
      const batch = this.#held.splice(this.#at);
      this.#out = batch.at(-1);
      return batch;
    }, false);
  }

  async close(): Promise<void> {
    this.#input({ kind: "close" });
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Events one by one, each as `map` makes it. */
  protected each<T>(map: (item: Item) => T, preventCancel = false): AsyncIterableIterator<T> {
    return this.#iterateBy(() => {
      const item = this.#held[this.#at++] as Item;
      this.#out = item;
      return map(item);
    }, preventCancel);
  }

  /** @param take Takes of what is held, which is something. */
  #iterateBy<T>(take: () => T, preventCancel: boolean): AsyncIterableIterator<T> {
    return this.#iterate(() => {
      this.#comeBack();
      if (this.#at < this.#held.length && this.#feed.kind !== "closed") return take();
      return this.#fill().then((more) => (more ? take() : undefined));
    }, () => (preventCancel ? this.#comeBack() : this.close()));
  }

  /** Waits until an event is held. False, or the cause as an error, when the subscription is closed. */
  async #fill(): Promise<boolean> {
    while (this.#feed.kind !== "closed" && this.#at >= this.#held.length) await this.#read();
    if (this.#feed.kind === "closed" && this.#feed.cause !== undefined) throw this.#feed.cause;
    return this.#feed.kind !== "closed";
  }

  async #read(): Promise<void> {
    try {
      await this.#ensureOpen();
      const batch = await this.#call?.next();
      if (batch === undefined) throw new MillraceError("unavailable", "The server ended the subscription");
      this.#held = batch;
      this.#at = 0;
    } catch (error) {
      this.#lost(error);
    }
  }

  /** One opening at a time, whoever asks. */
  #ensureOpen(): Promise<void> {
    this.#opening ??= this.#open().finally(() => { this.#opening = undefined; });
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const feed = this.#feed;
      if (feed.kind === "closed") throw feed.cause ?? closedByConsumer();
      if (feed.kind === "connecting") await this.#connect(feed.after);
      else if (feed.kind !== "waiting") return;
      else {
        // Cut short by the end of the subscription alone, which the next round sees.
        await clock.pause(Math.max(0, feed.retryAt - clock.now()), this.#scope.signal).catch(() => {});
        this.#input({ kind: "retry" });
      }
    }
  }

  async #connect(from: StartAfter<Position>): Promise<void> {
    try {
      const call = await this.#source.open(from, this.#scope.signal);
      if (this.#feed.kind === "closed") return call.close();
      const { after } = call;
      this.#call = call;
      this.#input({ kind: "opened", after });
      this.#position ??= after;
      this.#catchUp(undefined);
    } catch (error) {
      this.#lost(error);
    }
  }

  #lost(cause: unknown): void {
    this.#leaveCall();
    const { clock } = this.#options;
    const { retryAfterMs } = Object(cause) as { retryAfterMs?: number };
    this.#input(this.#source.isFinal(cause) ? { kind: "close", cause } : { kind: "lost", cause, now: clock.now(), random: clock.random(), retryAfterMs });
  }

  /** What was handed out is handled. */
  #comeBack(): void {
    const item = this.#out;
    if (item === undefined) return;
    this.#out = undefined;
    const position = this.#source.positionOf(item);
    this.#position = position;
    this.#input({ kind: "handled", position });
    this.#catchUp(position);
  }

  #catchUp(position: Position | undefined): void {
    if (this.#feed.kind === "catching-up" && this.#call?.caughtUpAt(position) === true) {
      this.#input({ kind: "caught-up", now: this.#options.clock.now() });
    }
  }

  #leaveCall(): void {
    this.#call?.close();
    this.#call = undefined;
  }

  #input(input: FeedInput<StartAfter<Position>>): void {
    const { kind } = this.#feed;
    this.#feed = step(this.#feed, input, this.#options.policy);
    if (this.#feed.kind === kind) return;
    if (this.#feed.kind === "closed") {
      this.#leaveCall();
      this.#scope.abort(this.#feed.cause ?? closedByConsumer());
    }
    const state = publicState(this.#feed);
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch {
        // A listener's error is its own; the loop that brings events must not end because of it.
      }
    }
  }
}

function closedByConsumer(): MillraceError {
  return new MillraceError("unavailable", "The subscription was closed");
}

function publicState(feed: Feed<unknown>): SubscriptionState {
  const { kind } = feed;
  if (kind === "waiting") return { kind, attempt: feed.attempt, retryAt: feed.retryAt, cause: feed.cause };
  return kind === "closed" && feed.cause !== undefined ? { kind, cause: feed.cause } : { kind };
}
