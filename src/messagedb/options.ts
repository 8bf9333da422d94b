import type { CallOptions } from "../core/options.js";
import type { ConsumerGroup } from "./types.js";

/**
 * How JSON text becomes values, and values text. The language's own `JSON` is one, and so is whatever has its two
 * functions; `exactJson` keeps integers past 2^53.
 */
export interface JsonFormat {
  /** The value of a JSON text. What it throws passes through. */
  parse(text: string): unknown;
  /** The JSON text of a value; `undefined` where JSON cannot hold it. What it throws passes through, and nothing is sent. */
  stringify(value: unknown): string | undefined;
}

/** Options of `write` and `writeBatch`. */
export interface WriteOptions extends CallOptions {
  /**
   * The position that the stream's last message must have; `"no_stream"`: the stream must be empty. Not looked at by
   * default. With a batch it is where the first message looks.
   */
  expectedVersion?: bigint | "no_stream" | undefined;
}

/** Options of `readStream`. */
export interface ReadStreamOptions extends CallOptions {
  /** Inclusive; from the first message, 0, by default. */
  start?: bigint | undefined;
  /** The most messages in all; 1 000 by default, `Infinity` for all of them. */
  limit?: number | undefined;
}

/** Options of `readCategory`. */
export interface ReadCategoryOptions extends CallOptions {
  /** A global position, inclusive; from the first message by default. */
  start?: bigint | undefined;
  /** The most messages in all; 1 000 by default, `Infinity` for all of them. */
  limit?: number | undefined;
  /** Only the messages of this member; all by default. A stream without an id (a bare category's name) is no member's. */
  consumerGroup?: ConsumerGroup | undefined;
  /** Only messages whose metadata names a `correlationStreamName` of this category; all by default. */
  correlation?: string | undefined;
}

/** Options of `read`: those of `readStream` or `readCategory`, as the name says, and `after` for `"$all"`. */
export interface ReadOptions extends ReadCategoryOptions {
  /** With `"$all"` only, instead of `start`: a global position, exclusive. From the first message by default. */
  after?: bigint | undefined;
}

/** Options of `readLastMessage`. */
export interface ReadLastMessageOptions extends CallOptions {
  /** The last message of this type; of any type by default. */
  type?: string | undefined;
}

/** Where a consumer's place is kept between its runs. What its functions reject with ends the subscription. */
export interface PositionStore {
  /** The global position (in a stream: the position) recorded last, or `undefined` where there is none. */
  get(signal: AbortSignal): Promise<bigint | undefined>;
  /** Records the position of a message that was handled. */
  put(position: bigint, signal: AbortSignal): Promise<void>;
}

/** Options of `subscribe`. Its `timeoutMs`, none by default, is the longest wait for the next batch. */
export interface SubscribeOptions extends CallOptions {
  /** Inclusive: a global position, or a position for a stream. From the first message by default. Not with `after`. */
  start?: bigint | undefined;
  /** Exclusive: as `start`, past it; `"end"`: what is written after the subscription was opened. */
  after?: bigint | "end" | undefined;
  /** The most messages in a batch, from 1 to 1 000; 1 000 by default. */
  batchSize?: number | undefined;
  /** As in `readCategory`. */
  consumerGroup?: ConsumerGroup | undefined;
  /** As in `readCategory`. */
  correlation?: string | undefined;
  /** Where its place is kept: what is recorded there goes before `start` and `after`. None by default. */
  positionStore?: PositionStore | undefined;
  /** Handled messages between two records in `positionStore`; 100 by default. */
  positionUpdateInterval?: number | undefined;
  /**
   * With `"$all"` only: how long a gap in the global positions is waited for, in milliseconds, before it is passed and
   * reported in `state.gaps`. 10 000 by default.
   */
  gapTimeoutMs?: number | undefined;
}
