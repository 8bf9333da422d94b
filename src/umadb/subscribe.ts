import { isMillraceError } from "../core/errors.js";
import type { RetryOptions } from "../core/options.js";
import type { ResumePolicy } from "../core/resume.js";
import { ResumingSubscription, type FeedSource, type OpenedFeed, type StartAfter, type Subscription } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import type { PayloadCodec } from "../core/codec.js";
import type { Connection, OpenStream } from "../carrier/invoke.js";
import { readMessages } from "./messages.js";
import { fromWireEvent } from "./received.js";
import type { ReceivedEvent, SequencedEvent } from "./types.js";

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

/** What a subscription needs of its client. */
export interface SubscribeContext<Data> {
  readonly connection: Connection;
  /** As the client was given it. */
  readonly retry: RetryOptions | false | undefined;
  readonly after: StartAfter<bigint>;
  readonly codec: PayloadCodec<Data> | undefined;
  readonly signal: AbortSignal | undefined;
  /** The last position stored that the subscription will deliver; with `"end"` the last of all. */
  lastStored(after: StartAfter<bigint>, signal: AbortSignal): Promise<bigint | undefined>;
  open(after: bigint | undefined, signal: AbortSignal): OpenStream;
  /** Told of each position that is known to exist. */
  seen(position: bigint): void;
}

/** What may pass by itself; everything else ends a subscription. */
const PASSING: readonly string[] = ["unavailable", "timeout", "resource_exhausted", "internal"];

/** {@link UmaDbSubscription} over the calls of a client. */
export class FeedSubscription<Data> extends ResumingSubscription<ReceivedEvent<Data>, bigint> implements UmaDbSubscription<Data> {
  constructor(context: SubscribeContext<Data>) {
    const { after, signal, connection: { closed } } = context;
    super(feedOf(context), { after, policy: policyOf(context.retry), clock: platformClock, signal, closed });
  }

  toObjects(): AsyncIterableIterator<SequencedEvent<Data>> {
    return this.each((event) => event.toObject());
  }
}

function policyOf(retry: RetryOptions | false | undefined): ResumePolicy {
  const { attempts, baseMs = 250, maxMs = 30_000 } = retry === false ? { attempts: 1 } : retry ?? {};
  return { attempts, baseMs, maxMs, steadyMs: 10_000 };
}

function feedOf<Data>(context: SubscribeContext<Data>): FeedSource<ReceivedEvent<Data>, bigint> {
  return {
    open: (after, signal) => openFeed(context, after, signal),
    positionOf: (event) => event.position,
    isFinal: (error) => !isMillraceError(error) || !PASSING.includes(error.code),
  };
}

async function openFeed<Data>(
  context: SubscribeContext<Data>, from: StartAfter<bigint>, signal: AbortSignal,
): Promise<OpenedFeed<ReceivedEvent<Data>, bigint>> {
  // One after the other: over HTTP/1.1 the stream may take the last of a page's connections.
  const target = await context.lastStored(from, signal);
  const after = from === "end" ? target : from;
  const stream = context.open(after, signal);
  await stream.headers;
  const reader = readMessages(stream);
  return {
    after,
    caughtUpAt: (position) => (target ?? 0n) <= (position ?? after ?? 0n),
    async next() {
      const message = await reader.take();
      if (message === undefined) return undefined;
      const last = message.events.at(-1);
      if (last !== undefined) context.seen(last.position);
      return message.events.map((event) => fromWireEvent(event, context.codec));
    },
    close: () => reader.leave(),
  };
}
