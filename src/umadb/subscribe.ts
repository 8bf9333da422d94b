import { isMillraceError } from "../core/errors.js";
import type { CallOptions, RetryOptions } from "../core/options.js";
import type { ResumePolicy } from "../core/resume.js";
import { resuming, type FeedSource, type StartAfter, type Subscription } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openStream, type Connection } from "../carrier/invoke.js";
import { umadbMethods } from "../wire/methods.js";
import type { Query as WireQuery } from "../../gen/static/umadb/v1/umadb.js";
import { askNumber } from "./ask.js";
import { count, MAX_UINT64, optional, position } from "./check.js";
import { encodeRead, encodeSubscribe } from "./codec-request.js";
import { toWireQuery } from "./convert.js";
import { readMessages } from "./messages.js";
import type { SubscribeOptions } from "./options.js";
import { note, type Store } from "./store.js";
import type { Query, ReceivedEvent, SequencedEvent } from "./types.js";

/**
 * A read that stays open: the events past `after`, then each new one, in order and without gaps.
 *
 * A lost connection, and a server that ends the call, make it wait (`state`) and open itself again after the last
 * event whose consumer came back for more: each event is delivered, in order, and repeated only where its consumer
 * had not come back yet. It ends when its loop is left, by `close()`, by an abort, and with an error that trying again
 * cannot mend.
 */
export interface UmaDbSubscription<Data = Uint8Array> extends Subscription<ReceivedEvent<Data>> {
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<SequencedEvent<Data>>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What may pass by itself; everything else ends a subscription. */
const PASSING: readonly string[] = ["unavailable", "timeout", "resource_exhausted", "internal"];

/**
 * What may pass where it worked before: a login page of the network that a laptop has moved to, a 400 of a server that
 * got half a request. Without that it is a wrong address, and trying on would hide it.
 */
const PASSING_LATER: readonly string[] = [...PASSING, "protocol"];

/**
 * {@link UmaDbSubscription} over the calls of a client.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function openSubscription<Data>(store: Store<Data>, query: Query | undefined, options: SubscribeOptions): UmaDbSubscription<Data> {
  checkCallOptions(options, "umadb", ["after", "batchSize"]);
  const { after, signal } = options;
  if (after !== "end") optional(after, position, "options.after", MAX_UINT64 - 1n, ', or "end"');
  const source = feedOf(store, toWireQuery(query, "query"), options);
  const subscription = resuming(source, { after, policy: policyOf(store.retry), clock: platformClock, signal, closed: store.connection.closed });
  return Object.assign(subscription, { toObjects: () => subscription.each((event) => event.toObject()) });
}

function policyOf(retry: RetryOptions | false = {}): ResumePolicy {
  const { attempts, baseMs = 250, maxMs = 30_000 } = retry === false ? { attempts: 1 } : retry;
  return { attempts, baseMs, maxMs, steadyMs: 10_000 };
}

function feedOf<Data>(store: Store<Data>, query: WireQuery | undefined, options: SubscribeOptions): FeedSource<ReceivedEvent<Data>, bigint> {
  const { timeoutMs, headers } = options;
  const { connection, codec } = store;
  const batchSize = optional(options.batchSize, count, "options.batchSize") ?? store.batchSize;
  let passing = PASSING;
  return {
    positionOf: (event) => event.position,
    isFinal: (error) => !isMillraceError(error) || !passing.includes(error.code),
    async open(from, signal) {
      // One after the other: over HTTP/1.1 the stream may take the last of a page's connections.
      const target = await lastStored(connection, from, query, { headers, signal });
      const after = from === "end" ? target : from;
      const stream = openStream(connection, umadbMethods.subscribe, encodeSubscribe({ query, after, batchSize }), { timeoutMs, headers, signal });
      await stream.headers;
      passing = PASSING_LATER;
      const reader = readMessages(stream, codec);
      return {
        after,
        caughtUpAt: (reached) => (target ?? 0n) <= (reached ?? after ?? 0n),
        async next() {
          const message = await reader.take();
          if (message === undefined) return undefined;
          const last = message.events.at(-1);
          if (last !== undefined) note(store, last.position);
          return message.events;
        },
        close: reader.leave,
      };
    },
  };
}

/**
 * The last position stored that a subscription will deliver; with `"end"` the last of all. For a subscription that is
 * opened, so it waits no longer than for a connection.
 */
async function lastStored(connection: Connection, from: StartAfter<bigint>, query: WireQuery | undefined, options: CallOptions): Promise<bigint | undefined> {
  const once = { ...connection, retry: false } as const;
  const call = { ...options, timeoutMs: connection.connectTimeoutMs };
  if (from === "end" || query === undefined || query.items.length === 0) return askNumber(once, umadbMethods.head, "", call);
  const reader = readMessages(openStream(once, umadbMethods.read, encodeRead({ query, backwards: true, limit: 1 }), call), undefined);
  const message = await reader.take();
  reader.leave();
  return message?.events[0]?.position;
}
