import { MillraceError } from "./errors.js";
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
}

/**
 * A subscription over a source. Nothing is opened before its first `next()` or `opened`; one batch is held at most,
 * and while nobody takes it nothing more is read.
 */
export class ResumingSubscription<Item, Position> implements Subscription<Item, Position> {
  readonly #source: FeedSource<Item, Position>;
  readonly #options: ResumeOptions<Position>;
  readonly #own = new AbortController();
  readonly #listeners = new Set<(state: SubscriptionState) => void>();
  #feed: Feed<StartAfter<Position>>;
  #call: OpenedFeed<Item, Position> | undefined;
  #held: Item[] = [];
  #heldAt = 0;
  /** The last event handed out, until its consumer comes back. */
  #out: Item | undefined;
  #position: Position | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #opened: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  readonly #onAbort = (): void => this.#end(this.#options.signal?.reason);

  constructor(source: FeedSource<Item, Position>, options: ResumeOptions<Position>) {
    this.#source = source;
    this.#options = options;
    this.#feed = { kind: "connecting", after: options.after, attempt: 0 };
    this.#position = options.after === "end" ? undefined : options.after;
    if (options.signal?.aborted === true) this.#end(options.signal.reason);
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
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

  values(options: { preventCancel?: boolean | undefined } = {}): AsyncIterableIterator<Item> {
    return this.#iterator(async () => {
      if (!(await this.#fill())) return undefined;
      const item = this.#held[this.#heldAt++] as Item;
      this.#out = item;
      return item;
    }, options.preventCancel === true);
  }

  batches(): AsyncIterableIterator<Item[]> {
    return this.#iterator(async () => {
      if (!(await this.#fill())) return undefined;
      const batch = this.#heldAt === 0 ? this.#held : this.#held.slice(this.#heldAt);
      this.#heldAt = this.#held.length;
      this.#out = batch[batch.length - 1];
      return batch;
    }, false);
  }

  async close(): Promise<void> {
    this.#input({ kind: "close" });
    this.#release(new MillraceError("unavailable", "The subscription was closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** An iterator object: `return()` does not wait for a pending `next()`. */
  #iterator<T>(take: () => Promise<T | undefined>, preventCancel: boolean): AsyncIterableIterator<T> {
    let left = false;
    const done = { done: true, value: undefined } as const;
    return {
      [Symbol.asyncIterator]() { return this; },
      next: () => this.#inTurn(async () => {
        if (left) return done;
        const value = await take();
        return value === undefined ? done : { done: false, value };
      }),
      return: async () => {
        left = true;
        if (!preventCancel) await this.close();
        else this.#comeBack();
        return done;
      },
    };
  }

  /** Calls of `next()` are served one after the other. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** True when an event is held; false when the subscription was closed by its consumer. */
  async #fill(): Promise<boolean> {
    this.#comeBack();
    while (this.#heldAt >= this.#held.length) {
      this.#held = [];
      this.#heldAt = 0;
      if (this.#feed.kind === "closed") return this.#closedBefore();
      await this.#read();
    }
    return this.#feed.kind !== "closed" || this.#closedBefore();
  }

  #closedBefore(): false {
    if (this.#feed.kind === "closed" && this.#feed.cause !== undefined) throw this.#feed.cause;
    return false;
  }

  async #read(): Promise<void> {
    try {
      await this.#ensureOpen();
      const batch = await this.#call?.next();
      if (batch !== undefined) this.#held = batch;
      else this.#lost(new MillraceError("unavailable", "The server ended the subscription"));
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
    for (;;) {
      const feed = this.#feed;
      if (feed.kind === "closed") throw feed.cause ?? new MillraceError("unavailable", "The subscription was closed");
      if (feed.kind === "waiting") await this.#wait(feed.retryAt);
      else if (feed.kind === "connecting") await this.#connect(feed.after);
      else return;
    }
  }

  async #wait(retryAt: number): Promise<void> {
    const { clock } = this.#options;
    try {
      await clock.pause(Math.max(0, retryAt - clock.now()), this.#own.signal);
      this.#input({ kind: "retry" });
    } catch (error) {
      if (this.#feed.kind !== "closed") throw error;
    }
  }

  async #connect(after: StartAfter<Position>): Promise<void> {
    try {
      const call = await this.#source.open(after, this.#own.signal);
      if (this.#feed.kind === "closed") return call.close();
      this.#call = call;
      this.#input({ kind: "opened", after: call.after });
      this.#position ??= call.after;
      this.#catchUp(undefined);
    } catch (error) {
      this.#lost(error);
    }
  }

  #lost(error: unknown): void {
    this.#call?.close();
    this.#call = undefined;
    if (this.#feed.kind === "closed") return;
    if (this.#source.isFinal(error)) return this.#end(error);
    const { clock } = this.#options;
    const retryAfterMs = error instanceof MillraceError ? error.retryAfterMs : undefined;
    this.#input({ kind: "lost", cause: error, now: clock.now(), random: clock.random(), retryAfterMs });
    if ((this.#feed as Feed<unknown>).kind === "closed") this.#release(error);
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

  #end(cause: unknown): void {
    this.#input({ kind: "close", cause });
    this.#release(cause);
  }

  #release(reason: unknown): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#call?.close();
    this.#call = undefined;
    this.#own.abort(reason);
  }

  #input(input: FeedInput<StartAfter<Position>>): void {
    const before = this.#feed;
    this.#feed = step(before, input, this.#options.policy);
    if (this.#feed.kind !== before.kind) this.#tell(publicState(this.#feed));
  }

  #tell(state: SubscriptionState): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch {
        // A listener's error is its own; the loop that brings events must not end because of it.
      }
    }
  }
}

function publicState(feed: Feed<unknown>): SubscriptionState {
  switch (feed.kind) {
    case "waiting": return { kind: "waiting", attempt: feed.attempt, retryAt: feed.retryAt, cause: feed.cause };
    case "closed": return feed.cause === undefined ? { kind: "closed" } : { kind: "closed", cause: feed.cause };
    default: return { kind: feed.kind };
  }
}
