import { QueueMessageAttributes, QueueMessagePolicy, type QueueInfo, type QueueMessage, type SendQueueMessageResult } from "millrace/internal/gen/static/kubemq/kubemq";
import { onAbort, startTimer } from "millrace/internal/core/signal";
import { newId } from "./ids.js";
import { MAX_RECEIVE_COUNT, messageFault } from "./queue-checks.js";

/** A message as it is stored, with all that the broker added. */
interface Stored extends QueueMessage {
  readonly Attributes: QueueMessageAttributes;
  readonly Policy: QueueMessagePolicy;
}

/** What a receive brought. */
export interface Taken {
  readonly messages: QueueMessage[];
  /** Messages that were met and removed because their time was over. */
  readonly expired: number;
}

interface Queue {
  last: bigint;
  delivered: number;
  /** In the order of their sequences. */
  readonly ready: Stored[];
  /** Who waits for messages. */
  readonly waiting: Set<() => void>;
}

const SECOND = 1_000_000_000n;
const NO_BYTES = new Uint8Array(0);

/** Queues: messages that are stored until one receiver has taken each. */
export class Queues {
  readonly #queues = new Map<string, Queue>();
  readonly #delayed = new Set<() => void>();
  readonly #now: () => bigint;

  /** @param now The time in nanoseconds, never falling. */
  constructor(now: () => bigint) {
    this.#now = now;
  }

  /** Stores a message, now or when its delay is over; what is wrong with it stands in the result. */
  send(given: QueueMessage): SendQueueMessageResult {
    const MessageID = given.MessageID === "" ? newId() : given.MessageID;
    const result: SendQueueMessageResult = {
      MessageID, SentAt: 0n, ExpirationAt: 0n, DelayedTo: 0n, IsError: false, Error: "", RefChannel: "", RefTopic: "", RefPartition: 0, RefHash: "",
    };
    const fault = messageFault(given);
    if (fault !== undefined) return { ...result, IsError: true, Error: fault };
    const policy = given.Policy ?? QueueMessagePolicy.decode(NO_BYTES);
    const { ExpirationSeconds, DelaySeconds, MaxReceiveCount } = policy;
    const now = this.#now();
    const delay = BigInt(DelaySeconds) * SECOND;
    const store = (): void => this.#store({
      ...given, MessageID,
      Policy: { ...policy, DelaySeconds: 0, MaxReceiveCount: MaxReceiveCount === 0 ? MAX_RECEIVE_COUNT : MaxReceiveCount },
      Attributes: { ...QueueMessageAttributes.decode(NO_BYTES), ExpirationAt: expiryOf(this.#now(), ExpirationSeconds) },
    });
    if (DelaySeconds === 0) store();
    else this.#later(DelaySeconds * 1_000, store);
    return { ...result, SentAt: now, ExpirationAt: expiryOf(now + delay, ExpirationSeconds), DelayedTo: DelaySeconds === 0 ? 0n : now + delay };
  }

  /** Takes messages for good: returns when there are `limit`, or when the time is over, with what came. */
  async take(name: string, limit: number, waitMs: number, signal: AbortSignal): Promise<Taken> {
    const queue = this.#queue(name);
    const messages: QueueMessage[] = [];
    let expired = 0;
    await this.#until(queue, waitMs, signal, () => {
      while (messages.length < limit) {
        const stored = queue.ready.shift();
        if (stored === undefined) return false;
        if (isOver(stored, this.#now())) expired += 1;
        else messages.push(asDelivered(stored));
      }
      return true;
    });
    queue.delivered += messages.length;
    return { messages, expired };
  }

  /** Shows the messages at the head without taking them, each once; waits as `take` does. */
  async peek(name: string, limit: number, waitMs: number, signal: AbortSignal): Promise<Taken> {
    const queue = this.#queue(name);
    const seen = new Set<Stored>();
    let expired = 0;
    await this.#until(queue, waitMs, signal, () => {
      const over = queue.ready.filter((stored) => isOver(stored, this.#now()));
      expired += over.length;
      for (const stored of over) queue.ready.splice(queue.ready.indexOf(stored), 1);
      for (const stored of queue.ready) if (seen.size < limit) seen.add(stored);
      return seen.size >= limit;
    });
    return { messages: [...seen].map(asDelivered), expired };
  }

  /** Removes all that is there and all that comes within the time. @returns How many those are. */
  async ackAll(name: string, waitMs: number, signal: AbortSignal): Promise<number> {
    const { messages } = await this.take(name, Infinity, waitMs, signal);
    return messages.length;
  }

  /** What is known of the queues of these names, of all when there is none. */
  info(names: readonly string[]): QueueInfo[] {
    const listed = [...this.#queues].filter(([name]) => names.length === 0 || names.includes(name));
    return listed.map(([Name, { ready, last, delivered }]) => ({
      Name,
      Messages: BigInt(ready.length),
      Bytes: BigInt(ready.reduce((total, { Body, Metadata }) => total + Body.length + Metadata.length, 0)),
      FirstSequence: last === 0n ? 0n : 1n,
      LastSequence: last,
      Sent: last,
      Delivered: BigInt(delivered),
      Waiting: BigInt(ready.length),
      Subscribers: delivered === 0 ? 0n : 1n,
    }));
  }

  /** Forgets what is delayed, so that no timer is left. */
  close(): void {
    for (const stop of this.#delayed) stop();
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, queue = { last: 0n, delivered: 0, ready: [], waiting: new Set() });
    return queue;
  }

  #store(message: Stored): void {
    const queue = this.#queue(message.Channel);
    queue.last += 1n;
    queue.ready.push({ ...message, Attributes: { ...message.Attributes, Sequence: queue.last, Timestamp: this.#now() } });
    for (const wake of [...queue.waiting]) wake();
  }

  #later(ms: number, work: () => void): void {
    const stop = startTimer(ms, () => {
      this.#delayed.delete(stop);
      work();
    });
    this.#delayed.add(stop);
  }

  /** Tries now and whenever something comes, until it is enough, the time is over, or nobody waits any more. */
  async #until(queue: Queue, waitMs: number, signal: AbortSignal, enough: () => boolean): Promise<void> {
    if (enough() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        queue.waiting.delete(wake);
        stopTimer();
        stopAbort();
        resolve();
      };
      const wake = (): void => { if (enough()) end(); };
      const stopTimer = startTimer(waitMs, end);
      queue.waiting.add(wake);
      const stopAbort = onAbort(signal, () => queueMicrotask(end));
    });
  }
}

function expiryOf(from: bigint, seconds: number): bigint {
  return seconds === 0 ? 0n : from + BigInt(seconds) * SECOND;
}

function isOver({ Attributes: { ExpirationAt } }: Stored, now: bigint): boolean {
  return ExpirationAt !== 0n && ExpirationAt <= now;
}

function asDelivered(stored: Stored): QueueMessage {
  return { ...stored, Attributes: { ...stored.Attributes, ReceiveCount: stored.Attributes.ReceiveCount + 1 } };
}
