import { isMillraceError } from "../core/errors.js";
import { ResumingSubscription, type FeedSource, type OpenedFeed, type StartAfter, type Subscription } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import type { PayloadCodec } from "../core/codec.js";
import type { OpenStream } from "../carrier/invoke.js";
import { SubscribeResponse } from "../../gen/static/umadb/v1/umadb.js";
import { MessageReader } from "./messages.js";
import { copies } from "./read.js";
import { fromWireEvent } from "./received.js";
import type { ReceivedEvent, SequencedEvent } from "./types.js";

/**
 * A read that stays open: the events past `after`, then each new one, in order and without gaps.
 *
 * It ends when its loop is left, by `close()`, and with the error of its connection when that is lost, or when the
 * server ends it (`unavailable`): subscribe again after `position`.
 */
export interface UmaDbSubscription<Data = Uint8Array> extends Subscription<ReceivedEvent<Data>> {
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<SequencedEvent<Data>>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a subscription needs of its client. */
export interface SubscribeContext<Data> {
  readonly after: StartAfter<bigint>;
  readonly codec: PayloadCodec<Data> | undefined;
  readonly signal: AbortSignal | undefined;
  /** The last position stored that the subscription will deliver; with `"end"` the last of all. */
  lastStored(after: StartAfter<bigint>, signal: AbortSignal): Promise<bigint | undefined>;
  open(after: bigint | undefined, signal: AbortSignal): OpenStream;
  /** Told of each position that is known to exist. */
  seen(position: bigint): void;
}

/** One try: the loss of its connection is the end of a subscription. */
const POLICY = { attempts: 1, baseMs: 250, maxMs: 30_000, steadyMs: 10_000 } as const;

/** {@link UmaDbSubscription} over the calls of a client. */
export class FeedSubscription<Data> extends ResumingSubscription<ReceivedEvent<Data>, bigint> implements UmaDbSubscription<Data> {
  constructor(context: SubscribeContext<Data>) {
    super(feedOf(context), { after: context.after, policy: POLICY, clock: platformClock, signal: context.signal });
  }

  toObjects(): AsyncIterableIterator<SequencedEvent<Data>> {
    return copies(this.values());
  }
}

function feedOf<Data>(context: SubscribeContext<Data>): FeedSource<ReceivedEvent<Data>, bigint> {
  return {
    open: (after, signal) => openFeed(context, after, signal),
    positionOf: (event) => event.position,
    isFinal: (error) => !isMillraceError(error) || !["unavailable", "timeout", "protocol", "internal"].includes(error.code),
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
  const reader = new MessageReader(stream, SubscribeResponse);
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
