import type { CallOptions } from "../core/options.js";
import type { MillraceError } from "../core/errors.js";
import type { NewMessage } from "./types.js";
import type { Tags } from "./views.js";

/** A message for a queue. */
export interface NewQueueMessage extends NewMessage {
  /** It is dropped when nobody took it for so long, counted from when it may be taken; 0, never, by default, 43 200 at most. */
  expirationSeconds?: number | undefined;
  /** It cannot be taken sooner; 0 by default, 43 200 at most. */
  delaySeconds?: number | undefined;
  /** Handed out at most this often; the broker's limit, 1 024, by default and at most. */
  maxReceiveCount?: number | undefined;
  /** Where it goes then; nowhere by default, so that it is dropped. */
  deadLetterQueue?: string | undefined;
}

/** What became of a message that was sent. Times are the broker's. */
export interface SendResult {
  /** The message's. */
  readonly id: string;
  /** When it was stored. */
  readonly sentAt: Date | undefined;
  /** When it will be dropped; `undefined` for never. */
  readonly expirationAt: Date | undefined;
  /** When it can be taken; `undefined` for at once. */
  readonly delayedTo: Date | undefined;
}

/** What became of a message of a batch: valid ones are stored although others are not. */
export interface BatchResult extends SendResult {
  /** Why it was not stored; `undefined` when it was. */
  readonly error: MillraceError | undefined;
}

/** A message as a queue gives it. */
export interface QueueMessage {
  /** Made by the sender, or by the broker. Two messages may have the same. */
  readonly id: string;
  /** The sender. */
  readonly clientId: string;
  /** The queue. */
  readonly channel: string;
  /** A text of the sender's. */
  readonly metadata: string;
  /** The payload; a view that keeps its answer in memory. */
  readonly body: Uint8Array;
  /** The sender's; empty when there are none. */
  readonly tags: Tags;
  /** Its place in its queue, from 1. A message that was put back has a new one. */
  readonly sequence: bigint;
  /** When it was stored, or put back. */
  readonly timestamp: Date | undefined;
  /** When it will be dropped; `undefined` for never. */
  readonly expirationAt: Date | undefined;
  /** `undefined` once its delay is over. */
  readonly delayedTo: Date | undefined;
  /** Empty on a 2.4 broker. */
  readonly md5OfBody: string;
  /** How often it was handed out, this time included. */
  readonly receiveCount: number;
  /** Whether it is the copy that a dead-letter queue got. */
  readonly reRouted: boolean;
  /** Where it came from then. */
  readonly reRoutedFromQueue: string;
  /** Handed out at most this often; 0 for no limit. */
  readonly maxReceiveCount: number;
}

/** Options of `pull` and `peek`. */
export interface PullOptions extends CallOptions {
  /** The most messages, 1 to 1 024; 1 by default. */
  limit?: number | undefined;
  /** How long to wait until there are so many, in milliseconds; the broker counts whole seconds. 1 000 by default, at least and at most 3 600 000. */
  waitMs?: number | undefined;
}

/** Options of `ackAll`. */
export interface AckAllOptions extends CallOptions {
  /** How long messages are removed, in milliseconds; all of it is waited for. 1 000 by default, at least and at most 3 600 000. */
  waitMs?: number | undefined;
}

/** Options of `transaction`. */
export interface TransactionOptions extends CallOptions {
  /** How long the message is ours, in milliseconds; whole seconds. 60 000 by default, 43 200 000 at most. */
  visibilityMs?: number | undefined;
  /** How long to wait for a message, in milliseconds; whole seconds. 1 000 by default, at least and at most 3 600 000. */
  waitMs?: number | undefined;
}

/** What a broker says of a queue. `sent`, `delivered` and `waiting` are rough. */
export interface QueueInfo {
  /** A 2.4 broker cuts any of `_QUES.` off its ends. */
  readonly name: string;
  /** Stored ones. */
  readonly messages: bigint;
  /** Stored ones. */
  readonly bytes: bigint;
  /** The oldest that is stored. */
  readonly firstSequence: bigint;
  /** The newest. */
  readonly lastSequence: bigint;
  /** Rough. */
  readonly sent: bigint;
  /** Rough. */
  readonly delivered: bigint;
  /** Rough. */
  readonly waiting: bigint;
  /** Those that ever were. */
  readonly subscribers: bigint;
}
