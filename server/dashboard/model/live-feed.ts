import { isMillraceError, type ErrorCode } from "millrace";
import type { Query, UmaDb } from "millrace/umadb";
import { toStoredEvent, type StoredEvent } from "./stored-event.js";

/** How the feed is doing. */
export type FeedState =
  | { readonly kind: "connecting" }
  | { readonly kind: "catching-up" }
  | { readonly kind: "live" }
  /** The connection was lost; `retryAt` is on the clock of `Date.now()`. */
  | { readonly kind: "waiting"; readonly retryAt: number; readonly cause: unknown }
  /** Ended for good: trying again cannot help. */
  | { readonly kind: "failed"; readonly cause: unknown };

/** Where a feed delivers. */
export interface FeedSink {
  /** The newest events from before the feed began, ascending; what was shown before is void. */
  begin(history: readonly StoredEvent[], head: bigint): void;
  /** Events that were recorded since, ascending and without gaps. */
  add(events: readonly StoredEvent[]): void;
  state(state: FeedState): void;
}

/** What a feed needs of a client. */
export type FeedSource = Pick<UmaDb, "head" | "read" | "subscribe">;

export interface FeedOptions {
  /** Only events that match; `undefined` for all. */
  readonly query: Query | undefined;
  /** How many events from before the feed began are shown at first; 500 by default. */
  readonly history?: number;
  /** The first pause after a lost connection, in milliseconds; it doubles up to `maxPauseMs`. 500 by default. */
  readonly pauseMs?: number;
  /** 10 000 by default. */
  readonly maxPauseMs?: number;
}

/** A feed that runs. */
export interface LiveFeed {
  /** Ends a pause before another try at once. */
  retryNow(): void;
  /** Events right before a position, newest first. */
  older(before: bigint, limit: number): Promise<StoredEvent[]>;
  close(): void;
}

/** Errors that the same call cannot get past. */
const FINAL: readonly ErrorCode[] = ["invalid_argument", "unauthenticated", "permission_denied", "unsupported"];

/** Follows the store from its newest events on, and comes back by itself after a lost connection. */
export function followStore(source: FeedSource, receiver: FeedSink, options: FeedOptions): LiveFeed {
  const { query, history = 500, pauseMs = 500, maxPauseMs = 10_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const sink = untilAborted(receiver, signal);
  let wake = (): void => undefined;
  let after: bigint | undefined;
  let failures = 0;

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => wake(), ms);
      wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      signal.addEventListener("abort", wake);
    });

  const older = async (before: bigint, limit: number): Promise<StoredEvent[]> => {
    if (before <= 1n) return [];
    const events: StoredEvent[] = [];
    const read = source.read(query, { backwards: true, start: before - 1n, limit, signal });
    for await (const event of read) events.push(toStoredEvent(event));
    return events;
  };

  const begin = async (): Promise<bigint> => {
    const head = (await source.head({ signal })) ?? 0n;
    if (after !== undefined && head >= after) return after;
    // The first time, or the store is another one than before: its positions begin anew.
    sink.begin((await older(head + 1n, history)).reverse(), head);
    after = head;
    return head;
  };

  const follow = async (): Promise<void> => {
    const subscription = source.subscribe(query, { after: await begin(), signal });
    const report = (): void => {
      const { kind } = subscription.state;
      if (kind === "catching-up" || kind === "live") sink.state({ kind });
    };
    const forget = subscription.onStateChange(report);
    try {
      for await (const batch of subscription.batches()) {
        const events = batch.map(toStoredEvent);
        after = events.at(-1)?.position ?? after;
        failures = 0;
        sink.add(events);
      }
    } finally {
      forget();
    }
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      sink.state({ kind: "connecting" });
      let cause: unknown;
      try {
        await follow();
      } catch (error) {
        cause = error;
      }
      if (signal.aborted) return;
      if (FINAL.some((code) => isMillraceError(cause, code))) {
        sink.state({ kind: "failed", cause });
        return;
      }
      const pauseFor = Math.min(maxPauseMs, pauseMs * 2 ** failures++);
      sink.state({ kind: "waiting", retryAt: Date.now() + pauseFor, cause });
      await pause(pauseFor);
    }
  };
  void run();

  return { retryNow: () => wake(), older, close: () => closing.abort() };
}

/** Nothing is delivered after `close()`, whatever was on its way by then. */
function untilAborted(sink: FeedSink, signal: AbortSignal): FeedSink {
  return {
    begin: (history, head) => signal.aborted || sink.begin(history, head),
    add: (events) => signal.aborted || sink.add(events),
    state: (state) => signal.aborted || sink.state(state),
  };
}
