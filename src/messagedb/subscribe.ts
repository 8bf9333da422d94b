import { isMillraceError, MillraceError } from "../core/errors.js";
import type { RetryOptions } from "../core/options.js";
import { startTimer, type Ending } from "../core/signal.js";
import { resuming, type FeedSource, type StartAfter } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkInteger, MAX_TIMER_MS } from "../core/arguments.js";
import type { MessageRow } from "../wire/message-row.js";
import { callOptions, MAX_INT64, position, text, wrong } from "./check.js";
import type { JsonFormat, PositionStore, SubscribeOptions } from "./options.js";
import { toMessage } from "./rows.js";
import { toSource, type MessageSource } from "./source.js";
import type { MessageSubscription, MessageSubscriptionState } from "./store.js";
import type { Gap, Message } from "./types.js";

/** The most messages in a batch. */
export const MAX_BATCH = 1_000;

/** How long a gap is waited for where nobody says otherwise, in milliseconds. */
export const GAP_TIMEOUT_MS = 10_000;

/** What a feed brings: messages, at least one; a gap that it waited for in vain; or that nothing stored is left. */
export type FeedPart = readonly MessageRow[] | Gap | "live";

/** Messages of one source as they come. */
export interface MessageFeed {
  /** The next part. Rejects when the feed is lost. */
  next(): Promise<FeedPart>;
  /** Leaves it at once. */
  close(): void;
}

/** Where and how a {@link MessageFeed} begins. */
export interface FeedRequest {
  readonly source: MessageSource;
  /** Inclusive. */
  readonly start: bigint;
  /** The most messages in a part. */
  readonly limit: number;
  /** In milliseconds. */
  readonly gapTimeoutMs: number;
  readonly headers: HeadersInit | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What a client brings so that it can be subscribed to. */
export interface FeedOrigin {
  readonly json: JsonFormat;
  readonly retry: RetryOptions | false | undefined;
  /** The end of the client. */
  readonly closed: Ending;
  /** Opens a feed; resolves when the store has taken it. */
  open(request: FeedRequest): Promise<MessageFeed>;
  /** The last position of a source, consumer group and correlation left out; `undefined` where it is empty. */
  lastPosition(source: MessageSource, request: Pick<FeedRequest, "headers" | "signal">): Promise<bigint | undefined>;
}

const OPTIONS = ["start", "after", "batchSize", "consumerGroup", "correlation", "positionStore", "positionUpdateInterval", "gapTimeoutMs"];

/** What may pass by itself; everything else ends a subscription. */
const PASSING = ["unavailable", "timeout", "resource_exhausted", "internal"];

/** More gaps are forgotten, the oldest first. */
const KEPT_GAPS = 100;

/**
 * A subscription to what a name stands for. Nothing is sent yet.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments.
 */
export function openSubscription<Data>(origin: FeedOrigin, name: string, options: SubscribeOptions): MessageSubscription<Data> {
  callOptions(options, OPTIONS);
  const { batchSize, gapTimeoutMs, headers, signal, timeoutMs } = options;
  const source = toSource(text(name, "name"), options);
  const limit = integer("batchSize", batchSize, 1, MAX_BATCH, MAX_BATCH);
  if (gapTimeoutMs !== undefined && source.kind !== "all") throw wrong("options.gapTimeoutMs", gapTimeoutMs, 'must be left out unless the name is "$all"');
  const gapMs = integer("gapTimeoutMs", gapTimeoutMs, 0, MAX_TIMER_MS, GAP_TIMEOUT_MS);
  const places = positionsOf(options);
  const gaps: Gap[] = [];
  const watchers = new Set<() => void>();
  const placeOf = (message: Message): bigint => (source.kind === "stream" ? message.position : message.globalPosition);
  let stored: boolean | undefined;
  let worked = false;

  const missed = (gap: Gap): void => {
    gaps.splice(0, gaps.length - KEPT_GAPS + 1);
    gaps.push(gap);
    for (const tell of watchers) tell();
  };

  const feeds: FeedSource<Message<Data>, bigint> = {
    positionOf(message) {
      const place = placeOf(message);
      places?.handled(place);
      return place;
    },
    isFinal: (error) => error === places?.failure || !isMillraceError(error) || !(PASSING.includes(error.code) || (worked && error.code === "protocol")),
    async open(from, ending) {
      let after = from;
      if (places !== undefined && stored === undefined) {
        after = await places.load(ending) ?? from;
        stored = true;
      }
      if (after === "end") after = await origin.lastPosition(source, { headers, signal: ending });
      const feed = await origin.open({ source, start: (after ?? -1n) + 1n, limit, gapTimeoutMs: gapMs, headers, signal: ending });
      worked = true;
      let given = after;
      let live = false;
      return {
        after,
        caughtUpAt: (reached) => live && (given === undefined || (reached ?? -1n) >= given),
        async next() {
          await places?.recorded;
          const part = await within(timeoutMs, feed.next());
          if (part === "live") live = true;
          else if ("from" in part) missed(part);
          else {
            const messages = part.map((row) => toMessage<Data>(row, origin.json));
            const taken = messages.map(placeOf);
            given = taken.at(-1);
            places?.handedOut(taken, ending);
            return messages;
          }
          return [];
        },
        close: () => feed.close(),
      };
    },
  };

  const { attempts, baseMs = 250, maxMs = 30_000 } = origin.retry === false ? { attempts: 1 } : origin.retry ?? {};
  const base = resuming(feeds, { after: startOf(options), policy: { attempts, baseMs, maxMs, steadyMs: 10_000 }, clock: platformClock, signal, closed: origin.closed });
  const state = (): MessageSubscriptionState => (gaps.length === 0 ? base.state : { ...base.state, gaps: [...gaps] });
  return Object.create(base, {
    state: { get: state },
    onStateChange: {
      value(listener: (state: MessageSubscriptionState) => void) {
        const tell = (): void => {
          try {
            listener(state());
          } catch {
            // A listener's error is its own; the loop that brings messages must not end because of it.
          }
        };
        watchers.add(tell);
        const stop = base.onStateChange(tell);
        return () => {
          watchers.delete(tell);
          stop();
        };
      },
    },
  }) as MessageSubscription<Data>;
}

function startOf({ start, after }: SubscribeOptions): StartAfter<bigint> {
  if (start !== undefined && after !== undefined) throw wrong("options.start", start, "must be left out beside `after`");
  if (after === undefined) return start === undefined || position(start, "options.start", 0n) === 0n ? undefined : start - 1n;
  return after === "end" ? after : position(after, "options.after", 0n, MAX_INT64 - 1n);
}

function integer(name: string, value: unknown, min: number, max: number, otherwise: number): number {
  return value === undefined ? otherwise : checkInteger(`options.${name}`, value, min, max, "messagedb");
}

/** A subscription's place in its position store. */
interface Positions {
  /** What the store's function rejected with: the end of the subscription. */
  readonly failure: unknown;
  /** The last record under way. */
  readonly recorded: Promise<void>;
  load(signal: AbortSignal): Promise<bigint | undefined>;
  handedOut(places: readonly bigint[], signal: AbortSignal): void;
  handled(place: bigint): void;
}

function positionsOf({ positionStore, positionUpdateInterval }: SubscribeOptions): Positions | undefined {
  const interval = integer("positionUpdateInterval", positionUpdateInterval, 1, MAX_TIMER_MS, 100);
  if (positionStore === undefined) return undefined;
  const { get, put } = Object(positionStore) as Partial<PositionStore>;
  if (typeof get !== "function" || typeof put !== "function") throw wrong("options.positionStore", positionStore, "must be an object with get() and put()");
  let count = 0;
  let failure: unknown;
  let recorded = Promise.resolve();
  /** Where a record is due, in order, each with the signal of its time. */
  const due: (readonly [place: bigint, signal: AbortSignal])[] = [];
  const failed = (error: unknown): never => {
    failure = error;
    throw error;
  };
  return {
    get failure() { return failure; },
    get recorded() { return recorded; },
    load: (signal) => positionStore.get(signal).catch(failed),
    handedOut(places, signal) {
      for (const place of places) if (++count % interval === 0) due.push([place, signal]);
    },
    handled(place) {
      let reached: AbortSignal | undefined;
      while (due[0] !== undefined && due[0][0] <= place) reached = due.shift()?.[1];
      if (reached === undefined) return;
      const signal = reached;
      recorded = recorded.then(() => positionStore.put(place, signal)).catch(failed);
      recorded.catch(() => {});
    },
  };
}

/** What `work` comes to, or a timeout. */
function within<T>(ms: number | undefined, work: Promise<T>): Promise<T> {
  if (ms === undefined || ms === 0) return work;
  return new Promise((resolve, reject) => {
    const stop = startTimer(ms, () => reject(new MillraceError("timeout", `No message came within ${ms} ms`, { system: "messagedb" })));
    work.finally(stop).then(resolve, reject);
  });
}
