import { MillraceError } from "../core/errors.js";
import { connectionLost } from "../core/network-error.js";
import { startTimer } from "../core/signal.js";
import { MISSED, watchSilence } from "../core/silence.js";
import { MESSAGEDB_HEARTBEAT_MS, type SubscribeItem, type SubscribeLine } from "../wire/messagedb.js";
import { fromWireError, send, type Http } from "./http.js";

/** A subscription's part of the stream. */
export interface Tap {
  /** What is asked for; `start` is asked for anew, each time the stream is opened. */
  readonly item: () => Omit<SubscribeItem, "s">;
  /** The server has taken it. */
  joined(): void;
  line(line: SubscribeLine): void;
  /** Nothing more comes. */
  lost(error: unknown): void;
}

/** One request whose answer brings the messages of all subscriptions, so that a page's six connections suffice. */
export interface MessageStream {
  /** Adds a subscription. @returns Takes it away. */
  join(tap: Tap): () => void;
}

/** Subscriptions that begin together are asked for together. */
const GATHER_MS = 5;
/** What is left is not asked for any more, but the others are not held up for it at once. */
const LEFT_MS = 1_000;
/** How long the gateway holds a request that brings nothing, where answers cannot be read before their end. */
const WAIT_MS = 25_000;
/** The same while a subscription has not heard yet that nothing stored is left, which is no news that ends an answer. */
const FIRST_WAIT_MS = 500;

/** The stream of a client, or of those of its subscriptions that have headers of their own. Nothing is sent before a `join`. */
export function messageStream(http: Http, callHeaders: HeadersInit | undefined): MessageStream {
  const taps = new Map<number, Tap>();
  const live = new Set<number>();
  let last = 0;
  let stopTimer = (): void => {};
  let dueAt = Infinity;
  let request = new AbortController();
  /** Where a network holds answers back until they are whole, each brings what there is and ends. */
  let whole = !("body" in Response.prototype);

  const renew = (ms: number): void => {
    const at = performance.now() + ms;
    if (at >= dueAt) return;
    dueAt = at;
    stopTimer();
    stopTimer = startTimer(ms || 1, () => {
      dueAt = Infinity;
      request.abort();
      request = new AbortController();
      if (taps.size > 0) void run(request);
    });
  };

  const run = async (mine: AbortController): Promise<void> => {
    const asked = new Map(taps);
    const { signal } = mine;
    const over = (error: unknown): void => {
      if (signal.aborted) return;
      mine.abort();
      for (const [s, tap] of asked) if (taps.get(s) === tap && taps.delete(s)) tap.lost(error);
    };
    let stopWatching = startTimer(http.connectTimeoutMs + (whole ? WAIT_MS : 0), () => {
      whole = !whole;
      over(lost(`brought nothing within ${http.connectTimeoutMs} ms`));
    });
    const lost = (how: string): MillraceError => new MillraceError("unavailable", `${http.origin} ${how}`, { system: "messagedb" });

    const take = (line: SubscribeLine): void => {
      const { s, error } = line;
      if (s === undefined) {
        if (error !== undefined) over(fromWireError(error, {}));
        return;
      }
      const tap = asked.get(s);
      if (tap === undefined || taps.get(s) !== tap) return;
      if (line.live === true) live.add(s);
      if (error === undefined) return tap.line(line);
      const failure = fromWireError(error, {});
      taps.delete(s);
      tap.lost(failure);
    };

    try {
      const subscriptions = [...asked].map(([s, tap]) => ({ s, ...tap.item() }));
      const { body, text } = await open(subscriptions, signal);
      for (const tap of asked.values()) tap.joined();
      const reader = body?.getReader();
      const decoder = new TextDecoder();
      let rest = reader === undefined ? await text() : "";
      for (;;) {
        const lines = rest.split("\n");
        rest = lines.pop() as string;
        for (const line of lines) if (!signal.aborted) take(JSON.parse(line) as SubscribeLine);
        if (signal.aborted) return;
        const { value } = (await reader?.read()) ?? {};
        stopWatching();
        if (value === undefined) break;
        const ms = MESSAGEDB_HEARTBEAT_MS * MISSED;
        stopWatching = watchSilence(ms, () => over(lost(`was silent for ${ms} ms`)));
        rest += decoder.decode(value, { stream: true });
      }
      if (whole) renew(0);
      else over(connectionLost(http.origin));
    } catch (error) {
      over(error instanceof TypeError ? connectionLost(http.origin, error) : error);
    } finally {
      stopWatching();
    }
  };

  const open = async (subscriptions: readonly SubscribeItem[], signal: AbortSignal): Promise<{ body: Response["body"]; text: () => Promise<string> }> => {
    const response = await send(http, "subscribe", { body: { subscriptions, ...(whole && { waitMs: subscriptions.every(({ s }) => live.has(s)) ? WAIT_MS : FIRST_WAIT_MS }) }, headers: callHeaders, signal });
    return { body: response.body, text: () => response.text() };
  };

  return {
    join(tap) {
      const s = ++last;
      taps.set(s, tap);
      renew(GATHER_MS);
      return () => {
        if (taps.delete(s)) renew(taps.size === 0 ? GATHER_MS : LEFT_MS);
      };
    },
  };
}
