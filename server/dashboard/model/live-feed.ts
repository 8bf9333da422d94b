import { isMillraceError, type ErrorCode } from "millrace";
import type { Query, UmaDb } from "millrace/umadb";
import { toStoredEvent, type StoredEvent } from "./stored-event.js";

/** How the feed is doing. */
export type FeedState =
  | { readonly kind: "connecting" | "catching-up" | "live" }
  /** The connection was lost, or there was none; `retryAt` is on the clock of `Date.now()`. */
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
  /** The first pause after the store could not be read, in milliseconds; it doubles up to `maxPauseMs`. 500 by default. */
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

/** Errors that may be gone at the next try. */
const PASSING: readonly ErrorCode[] = ["unavailable", "timeout", "resource_exhausted", "internal", "protocol"];

/**
 * Follows the store from its newest events on. The subscription comes back by itself after a lost connection; what is
 * added here is the beginning (a read that ends, which does not) and a store that was exchanged for another one.
 */
export function followStore(source: FeedSource, receiver: FeedSink, options: FeedOptions): LiveFeed {
  const { query, history = 500, pauseMs = 500, maxPauseMs = 10_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const sink = untilAborted(receiver, signal);
  const nothing = (): void => undefined;
  let retryNow = nothing;
  let after: bigint | undefined;
  let failures = 0;

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
    const anew = (): void => void subscription.close();
    const anewIfExchanged = async (): Promise<void> => {
      const head = await source.head({ signal });
      if (after !== undefined && (head ?? 0n) < after) anew();
    };
    let lost = false;
    const forget = subscription.onStateChange((state) => {
      if (state.kind === "closed") return;
      sink.state(state);
      retryNow = state.kind === "waiting" ? anew : nothing;
      if (state.kind === "waiting") {
        lost = true;
      } else if (state.kind === "catching-up" && lost) {
        lost = false;
        anewIfExchanged().catch(() => undefined);
      }
    });
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
      retryNow = nothing;
      sink.state({ kind: "connecting" });
      try {
        await follow();
      } catch (cause) {
        if (!PASSING.some((code) => isMillraceError(cause, code))) return sink.state({ kind: "failed", cause });
        const ms = Math.min(maxPauseMs, pauseMs * 2 ** failures++);
        sink.state({ kind: "waiting", retryAt: Date.now() + ms, cause });
        await pause(ms, signal, (wake) => (retryNow = wake));
      }
    }
  };
  void run();

  return { retryNow: () => retryNow(), older, close: () => closing.abort() };
}

/** Resolves after a time, at once when the signal is aborted or the function is called that `wakeable` gets. */
function pause(ms: number, signal: AbortSignal, wakeable: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
    wakeable(wake);
  });
}

/** Nothing is delivered after `close()`, whatever was on its way by then. */
function untilAborted(sink: FeedSink, signal: AbortSignal): FeedSink {
  return {
    begin: (history, head) => void (signal.aborted || sink.begin(history, head)),
    add: (events) => void (signal.aborted || sink.add(events)),
    state: (state) => void (signal.aborted || sink.state(state)),
  };
}
