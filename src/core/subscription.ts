import { asyncDispose } from "./dispose.js";
import { MillraceError } from "./errors.js";
import { iterations } from "./iterations.js";
import { linkSignals, onAbort, type Ending } from "./signal.js";
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
  /** Events one by one as a stream, for a Worker's response among others. It takes none before it is asked; cancelling it ends the subscription. */
  toReadableStream(): ReadableStream<Item>;
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
  /** The next events; none when only `caughtUpAt` may have changed; `undefined` when the server ended the call. */
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

/** How a subscription resumes. */
export interface ResumeOptions<Position> {
  after: StartAfter<Position>;
  policy: ResumePolicy;
  clock: ResumeClock;
  /** The caller's signal: aborting it ends the subscription, whose iteration then rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** The end of its client does the same. */
  closed?: Ending | undefined;
}

/** A {@link Subscription} as its system gets it, to add what its events are good for. */
export interface ResumingSubscription<Item, Position> extends Subscription<Item, Position> {
  /** Events one by one, each as `map` makes it. */
  each<T>(map: (item: Item) => T, preventCancel?: boolean): AsyncIterableIterator<T>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A subscription over a source. Nothing is opened before its first `next()` or `opened`; one batch is held at most,
 * and while nobody takes it nothing more is read.
 */
export function resuming<Item, Position>(source: FeedSource<Item, Position>, options: ResumeOptions<Position>): ResumingSubscription<Item, Position> {
  const { after, policy, clock } = options;
  const listeners = new Set<(state: SubscriptionState) => void>();
  const iterate = iterations();
  let feed: Feed<StartAfter<Position>> = { kind: "connecting", after, attempt: 0 };
  let current = after === "end" ? undefined : after;
  let call: OpenedFeed<Item, Position> | undefined;
  let held: Item[] = [];
  let at = 0;
  /** The last event handed out, until its consumer comes back. */
  let out: Item | undefined;
  let opened: Promise<void> | undefined;
  let opening: Promise<void> | undefined;

  const leaveCall = (): void => {
    call?.close();
    call = undefined;
  };

  const input = (happened: FeedInput<StartAfter<Position>>): void => {
    const { kind } = feed;
    feed = step(feed, happened, policy);
    if (feed.kind === kind) return;
    if (feed.kind === "closed") {
      leaveCall();
      scope.abort(feed.cause ?? closedByConsumer());
    }
    const state = publicState(feed);
    for (const listener of [...listeners]) {
      try {
        listener(state);
      } catch {
        // A listener's error is its own; the loop that brings events must not end because of it.
      }
    }
  };

  const catchUp = (position: Position | undefined): void => {
    if (feed.kind === "catching-up" && call?.caughtUpAt(position) === true) input({ kind: "caught-up", now: clock.now() });
  };

  /** What was handed out is handled. */
  const comeBack = (): void => {
    if (out === undefined) return;
    current = source.positionOf(out);
    out = undefined;
    input({ kind: "handled", position: current });
    catchUp(current);
  };

  const lost = (cause: unknown): void => {
    leaveCall();
    const { retryAfterMs } = Object(cause) as { retryAfterMs?: number };
    input(source.isFinal(cause) ? { kind: "close", cause } : { kind: "lost", cause, now: clock.now(), random: clock.random(), retryAfterMs });
  };

  const connect = async (from: StartAfter<Position>): Promise<void> => {
    try {
      const begun = await source.open(from, scope.signal);
      if (feed.kind === "closed") return begun.close();
      call = begun;
      input({ kind: "opened", after: begun.after });
      current ??= begun.after;
      catchUp(undefined);
    } catch (error) {
      lost(error);
    }
  };

  const open = async (): Promise<void> => {
    for (;;) {
      if (feed.kind === "closed") throw feed.cause ?? closedByConsumer();
      if (feed.kind === "connecting") await connect(feed.after);
      else if (feed.kind !== "waiting") return;
      else {
        // Cut short by the end of the subscription alone, which the next round sees.
        await clock.pause(Math.max(0, feed.retryAt - clock.now()), scope.signal).catch(() => {});
        input({ kind: "retry" });
      }
    }
  };

  /** One opening at a time, whoever asks. */
  const ensureOpen = (): Promise<void> => (opening ??= open().finally(() => { opening = undefined; }));

  const read = async (): Promise<void> => {
    try {
      await ensureOpen();
      const batch = await call?.next();
      if (batch === undefined) throw new MillraceError("unavailable", "The server ended the subscription");
      held = batch;
      at = 0;
      if (batch.length === 0) catchUp(current);
    } catch (error) {
      lost(error);
    }
  };

  /** Waits until an event is held. False, or the cause as an error, when the subscription is closed. */
  const fill = async (): Promise<boolean> => {
    while (feed.kind !== "closed" && at >= held.length) await read();
    if (feed.kind === "closed" && feed.cause !== undefined) throw feed.cause;
    return feed.kind !== "closed";
  };

  const close = async (): Promise<void> => input({ kind: "close" });

  /** @param take Takes of what is held, which is something. */
  const iterateBy = <T>(take: () => T, preventCancel = false): AsyncIterableIterator<T> =>
    iterate(() => {
      comeBack();
      if (at < held.length && feed.kind !== "closed") return take();
      return fill().then((more) => (more ? take() : undefined));
    }, preventCancel ? comeBack : close);

  const each = <T>(map: (item: Item) => T, preventCancel?: boolean): AsyncIterableIterator<T> =>
    iterateBy(() => {
      out = held[at++] as Item;
      return map(out);
    }, preventCancel);

  const values: Subscription<Item, Position>["values"] = ({ preventCancel } = {}) => each((item) => item, preventCancel);

  const scope = linkSignals(options.signal, options.closed);
  onAbort(scope.signal, (cause) => input({ kind: "close", cause }));

  return {
    get state() { return publicState(feed); },
    get position() { return current; },
    get opened() {
      opened ??= ensureOpen();
      opened.catch(() => {});
      return opened;
    },
    onStateChange(listener) {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
    each,
    values,
    [Symbol.asyncIterator]: () => values(),
    batches: () => iterateBy(() => {
      const batch = held.splice(at);
      out = batch.at(-1);
      return batch;
    }),
    toReadableStream() {
      const items = values();
      return new ReadableStream<Item>({
        async pull(controller) {
          const { done, value } = await items.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: close,
      }, { highWaterMark: 0 });
    },
    close,
    [asyncDispose]: close,
  };
}

function closedByConsumer(): MillraceError {
  return new MillraceError("unavailable", "The subscription was closed");
}

function publicState(feed: Feed<unknown>): SubscriptionState {
  const { kind } = feed;
  if (kind === "waiting") return { kind, attempt: feed.attempt, retryAt: feed.retryAt, cause: feed.cause };
  return kind === "closed" && feed.cause !== undefined ? { kind, cause: feed.cause } : { kind };
}
