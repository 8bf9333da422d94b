import { isMillraceError } from "../core/errors.js";
import type { CallOptions, RetryOptions } from "../core/options.js";
import type { ResumePolicy } from "../core/resume.js";
import { resuming, type FeedSource, type OpenedFeed, type StartAfter, type Subscription } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { openStream } from "../carrier/invoke.js";
import { eventstoredbMethods, type Method } from "../wire/methods.js";
import { encodeRead, type ReadRequest } from "./encode-read.js";
import type { Place } from "./place.js";
import type { Store } from "./store.js";
import type { ReceivedEvent, RecordedEvent } from "./types.js";
import { readMessages } from "./views.js";

/**
 * A read that stays open: what lies past `after`, then each new event, in order and without gaps.
 *
 * A lost connection, and a server that ends the call, make it wait (`state`) and open itself again after the last event
 * whose consumer came back for more: each event is delivered, in order, and repeated only where its consumer had not
 * come back yet. Where links are resolved its position is the link's. It ends when its loop is left, by `close()`, by an
 * abort, and with an error that trying again cannot mend: `StreamDeletedError` once the stream is tombstoned.
 */
export interface EventStoreDbSubscription<Position, Data = Uint8Array> extends Subscription<ReceivedEvent<Data>, Position> {
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<RecordedEvent<Data>>;
  /**
   * A place past which nothing that the filter chooses was passed over: the last handled event's, or a later one that the
   * server has looked up to. To go on from, **with the same filter**; `undefined` before the first.
   */
  readonly checkpoint: Position | undefined;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What may pass by itself; everything else ends a subscription. */
const PASSING: readonly string[] = ["unavailable", "timeout", "resource_exhausted"];

/** What may pass where it worked before; at the beginning it is a wrong address, or a filter that the server cannot read. */
const PASSING_LATER: readonly string[] = [...PASSING, "internal", "protocol"];

/**
 * Whether trying again may mend an error.
 *
 * @param worked Whether the same call worked before.
 */
export function isPassing(error: unknown, worked: boolean): boolean {
  return isMillraceError(error) && (worked ? PASSING_LATER : PASSING).includes(error.code);
}

/** What a subscription is of: a stream, or all of them. */
export interface SubscriptionTarget<Position> {
  readonly place: Place<Position>;
  /** The request of a call that begins past `after`. */
  request(after: Position | undefined): ReadRequest;
  /** The place of the last event that is stored now; waits no longer than for a connection. */
  last(options: CallOptions): Promise<Position | undefined>;
}

/** {@link EventStoreDbSubscription} over the calls of a client. */
export function openSubscription<Position, Data>(
  store: Store<Data>, target: SubscriptionTarget<Position>, after: StartAfter<Position>, call: CallOptions,
): EventStoreDbSubscription<Position, Data> {
  const marks = checkpointsOf(target.place);
  const subscription = resuming(feedOf(store, target, marks, call), {
    after, policy: policyOf(store.retry), clock: platformClock, signal: call.signal, closed: store.connection.closed,
  });
  return Object.defineProperty(
    Object.assign(subscription, { toObjects: () => subscription.each((event) => event.toObject()) }),
    "checkpoint",
    { get: () => marks.past(subscription.position) },
  ) as unknown as EventStoreDbSubscription<Position, Data>;
}

/** How a subscription tries again, whatever calls its client makes. */
export function policyOf(retry: RetryOptions | false = {}): ResumePolicy {
  const { attempts, baseMs = 250, maxMs = 30_000 } = retry === false ? { attempts: 1 } : retry;
  return { attempts, baseMs, maxMs, steadyMs: 10_000 };
}

interface Checkpoints<Position> {
  /** Everything up to `checkpoint` was looked at, and `event` was the last to be handed on before it. */
  note(event: Position | undefined, checkpoint: Position): void;
  /** The server's checkpoints are exact: early 21.10 named the event that comes next, and never said "caught up". */
  trust(): void;
  /** Where to go on once `handled` is handled. */
  past(handled: Position | undefined): Position | undefined;
}

function checkpointsOf<Position>(place: Place<Position>): Checkpoints<Position> {
  let trusted = false;
  let mark: { event: Position | undefined; checkpoint: Position } | undefined;
  return {
    note(event, checkpoint) { mark = { event, checkpoint }; },
    trust() { trusted = true; },
    past(handled) {
      if (!trusted || mark === undefined || place.isBefore(mark.checkpoint, handled)) return handled;
      // Events before the checkpoint that were not handled yet would be lost.
      return place.isBefore(handled, mark.event) ? handled : mark.checkpoint;
    },
  };
}

function feedOf<Position, Data>(
  store: Store<Data>, target: SubscriptionTarget<Position>, marks: Checkpoints<Position>, { timeoutMs, headers }: CallOptions,
): FeedSource<ReceivedEvent<Data>, Position> {
  const { connection, codec } = store;
  const { place } = target;
  const method: Method = { ...eventstoredbMethods.read, lane: "live" };
  let worked = false;
  return {
    positionOf: (event) => place.of(event.link ?? event),
    isFinal: (error) => !isPassing(error, worked),
    async open(from, signal): Promise<OpenedFeed<ReceivedEvent<Data>, Position>> {
      // One after the other: over HTTP/1.1 the stream may take the last of a page's connections.
      const last = await target.last({ headers, signal });
      const after = from === "end" ? last : from;
      const stream = openStream(connection, method, encodeRead(target.request(marks.past(after))), { timeoutMs, headers, signal });
      await stream.headers;
      worked = true;
      let delivered = after;
      let looked = after;
      let caughtUp = false;
      return {
        after,
        // Servers up to 22.10 never say that they have caught up, and 23.10 not of a stream that does not exist.
        caughtUpAt: (reached) => !place.isBefore(reached ?? after, delivered) && (caughtUp || !place.isBefore(looked, last)),
        async next() {
          const chunk = await stream.next();
          if (chunk.done === true) return undefined;
          const events: ReceivedEvent<Data>[] = [];
          for (const message of readMessages(chunk.value, codec)) {
            if (message.kind === "event") {
              events.push(message);
              delivered = looked = place.of(message.link ?? message);
            } else if (message.kind === "checkpoint") {
              const reached = place.atCheckpoint(message.position);
              if (message.time !== undefined) marks.trust();
              if (place.isBefore(looked, reached)) marks.note(delivered, (looked = reached));
            } else if (message.kind === "caught-up") {
              caughtUp = true;
              marks.trust();
            }
          }
          return events;
        },
        close: () => void stream.return(),
      };
    },
  };
}
