import { asyncDispose } from "../core/dispose.js";
import { deferred } from "../core/deferred.js";
import { isMillraceError, MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { onAbort, startTimer } from "../core/signal.js";
import { resuming, type OpenedFeed, type SubscriptionState } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openDuplex } from "../carrier/duplex.js";
import { kubemqMethods } from "../wire/methods.js";
import { QueuesDownstreamRequestType as Type } from "../../gen/static/kubemq/kubemq.js";
import { policyOf, type Broker } from "./broker.js";
import { channelName, flag, integer } from "./check.js";
import { fromQueueView } from "./convert-queue.js";
import { isFinal } from "./errors.js";
import { leasesOver, type Leases } from "./leases.js";
import type { QueueMessage } from "./queue-types.js";
import type { DownstreamResponse } from "./queue-views.js";

/** Options of `receive`. */
export interface ReceiveOptions extends Omit<CallOptions, "timeoutMs"> {
  /** The most messages that are ours at once, 1 to 1 024; 32 by default. */
  maxInFlight?: number | undefined;
  /** Whether the broker takes messages for handled when it sends them: at most once, and never left early. False by default. */
  autoAck?: boolean | undefined;
  /** How long the broker waits for messages before it is asked again, in milliseconds; 1 500 by default, at least 1 000, at most 3 600 000. */
  waitMs?: number | undefined;
}

/**
 * A message that is ours until it is settled, or its connection is lost: it is then handed out again. All three resolve
 * when the broker has confirmed, or has said nothing for 5 s.
 */
export interface LeasedMessage extends QueueMessage {
  /** Whether it may have been handed out before, by this consumer or by another, whatever `receiveCount` says. */
  readonly redelivered: boolean;
  /** Removes it. @throws {MillraceError} `conflict` when it is settled; `unavailable` when its lease was lost: it comes again. */
  ack(): Promise<void>;
  /** Puts it at the end of the queue, counted once more, or into its dead-letter queue. */
  nack(): Promise<void>;
  /** Removes it and sends it to another queue, as if it were new. */
  requeue(channel: string): Promise<void>;
}

/** Messages of a queue as they come, at least once. It comes back when its connection is lost. */
export interface QueueReceiver extends AsyncIterable<LeasedMessage> {
  /** Where it stands. */
  readonly state: SubscriptionState;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: SubscriptionState) => void): () => void;
  /** Settles nothing: what is held goes back to the queue. Waits up to 5 s for settlements that are under way. Idempotent. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const CLOSE_MS = 5_000;
const MORE_MS = 5_000;

/**
 * Receives the messages of a queue. Nothing is sent before it is iterated.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function receive(broker: Broker, channel: string, options: ReceiveOptions): QueueReceiver {
  checkCallOptions(options, "kubemq", ["maxInFlight", "autoAck", "waitMs"]);
  const Channel = channelName(channel, "channel", "stored");
  const MaxItems = integer(options.maxInFlight, "options.maxInFlight", 1, 1_024, 32);
  const WaitTimeout = integer(options.waitMs, "options.waitMs", 1_000, 3_600_000, 1_500);
  const AutoAck = flag(options.autoAck, "options.autoAck", false);
  const { headers, signal } = options;
  /** Handed out and not settled when their call was lost. */
  const suspects = new Set<bigint>();
  const open = new Set<Leases>();

  const openFeed = (ending: AbortSignal): OpenedFeed<LeasedMessage, bigint> => {
    // A Get that acknowledges by itself goes on at the broker when it is left, and what it takes is lost.
    const leases = leasesOver(openDuplex(broker.connection, kubemqMethods.queuesDownstream, { headers }), broker.clientId);
    open.add(leases);
    const free = (): void => { open.delete(leases); };
    let getting: Promise<unknown> = Promise.resolve();
    let held: Batch | undefined;
    const over = deferred<undefined>();
    onAbort(ending, () => over.resolve(undefined));
    const leave = (): void => {
      held?.lose();
      const reason = new MillraceError("unavailable", "The receiver is closed", { system: "kubemq" });
      const last = AutoAck ? getting.catch(() => {}) : Promise.resolve();
      void Promise.all([last, settledWithin(leases, CLOSE_MS)]).then(() => leases.leave(reason)).finally(free);
    };
    return {
      after: undefined,
      caughtUpAt: () => true,
      async next() {
        // What is not settled keeps its transaction open, in which a 2.4 broker hides what is sent meanwhile.
        await Promise.race([held?.settled, leases.lost, over.promise]);
        ending.throwIfAborted();
        const got = leases.get({ Channel, MaxItems, WaitTimeout, AutoAck }, WaitTimeout + MORE_MS);
        getting = got;
        held = batchOf(leases, await Promise.race([got, over.promise]) ?? nothing(), suspects, AutoAck);
        return held.messages;
      },
      close: leave,
    };
  };

  const base = resuming<LeasedMessage, bigint>(
    { positionOf: () => 0n, isFinal, open: async (_, ending) => openFeed(ending) },
    { after: undefined, policy: policyOf(broker), clock: platformClock, signal, closed: broker.connection.closed },
  );
  const close = async (): Promise<void> => {
    const under = [...open];
    await base.close();
    await Promise.all(under.map((leases) => settledWithin(leases, CLOSE_MS)));
  };
  return {
    get state() { return base.state; },
    onStateChange: (listener) => base.onStateChange(listener),
    [Symbol.asyncIterator]: () => handingOut(base.values()),
    close,
    [asyncDispose]: close,
  };
}

/** Notes that a message is handed out; false where its lease is lost already, so that it comes again. */
const handOut = /* @__PURE__ */ new WeakMap<LeasedMessage, () => boolean>();

/** Messages that are still ours when it is their turn. */
function handingOut(messages: AsyncIterableIterator<LeasedMessage>): AsyncIterableIterator<LeasedMessage> {
  return {
    [Symbol.asyncIterator]() { return this; },
    async next() {
      for (;;) {
        const result = await messages.next();
        if (result.done === true || handOut.get(result.value)?.() === true) return result;
      }
    },
    return: () => messages.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
}

interface Batch {
  readonly messages: LeasedMessage[];
  /** Resolves when each message is settled. */
  readonly settled: Promise<void>;
  /** Notes what was handed out and is not settled. */
  lose(): void;
}

function batchOf(leases: Leases, { transactionId, messages }: DownstreamResponse, suspects: Set<bigint>, autoAck: boolean): Batch {
  const open = new Set<bigint>();
  const out = new Set<bigint>();
  const settled = deferred<void>();
  const done = (sequence: bigint): void => {
    open.delete(sequence);
    suspects.delete(sequence);
    if (open.size === 0) settled.resolve();
  };
  const leased = messages.map((view): LeasedMessage => {
    const plain = fromQueueView(view);
    const { sequence } = plain;
    if (!autoAck) open.add(sequence);
    const settle = async (type: Type, target?: string): Promise<void> => {
      if (!open.has(sequence)) throw new MillraceError("conflict", "The message is settled", { system: "kubemq" });
      try {
        await leases.settle(transactionId, type, [sequence], target);
      } catch (error) {
        if (isMillraceError(error, "conflict")) done(sequence);
        throw error;
      }
      done(sequence);
    };
    const message: LeasedMessage = {
      ...plain,
      redelivered: plain.receiveCount > 1 || suspects.has(sequence),
      ack: () => settle(Type.AckRange),
      nack: () => settle(Type.NAckRange),
      requeue: async (channel) => settle(Type.ReQueueRange, channelName(channel, "channel", "stored")),
    };
    handOut.set(message, () => {
      if (leases.ended && !autoAck) return false;
      out.add(sequence);
      return true;
    });
    return message;
  });
  if (open.size === 0) settled.resolve();
  return {
    messages: leased,
    settled: settled.promise,
    lose() {
      for (const sequence of open) if (out.has(sequence)) suspects.add(sequence);
    },
  };
}

function nothing(): DownstreamResponse {
  throw new MillraceError("unavailable", "The receiver is closed", { system: "kubemq" });
}

/** Waits for settlements that are under way. */
async function settledWithin(leases: Leases, ms: number): Promise<void> {
  const late = deferred<void>();
  const stop = startTimer(ms, () => late.resolve());
  await Promise.race([Promise.allSettled(leases.pending), late.promise]).finally(stop);
}
