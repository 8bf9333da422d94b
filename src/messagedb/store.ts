import type { CallOptions } from "../core/options.js";
import type { Subscription, SubscriptionState } from "../core/subscription.js";
import type {
  ReadCategoryOptions, ReadLastMessageOptions, ReadOptions, ReadStreamOptions, SubscribeOptions, WriteOptions,
} from "./options.js";
import type { CategoryTypeCount, Gap, Message, NewMessage, StreamCount, StreamTypeCount, TypeCount } from "./types.js";

/**
 * A read that ends: iterate it by message, by batch, or collect it, once. Nothing is sent before that. Leaving a loop
 * early reads no further. Messages that are written while it runs may appear.
 */
export interface Read<Data = unknown> extends AsyncIterable<Message<Data>> {
  /** Messages in pages of at most 1 000, which is the fastest way to take them. */
  batches(): AsyncIterableIterator<Message<Data>[], undefined>;
  /** All messages at once; mind their number. */
  toArray(): Promise<Message<Data>[]>;
}

/** {@link SubscriptionState}, and what a subscription to `"$all"` passed without a message. */
export type MessageSubscriptionState = SubscriptionState & {
  /** Oldest first, the last 100; left out while there is none. */
  readonly gaps?: readonly Gap[] | undefined;
};

/** A read that stays open. `position` is the global position, or the position for a stream. */
export interface MessageSubscription<Data = unknown> extends Subscription<Message<Data>> {
  /** Where it stands now. */
  readonly state: MessageSubscriptionState;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: MessageSubscriptionState) => void): () => void;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What can be done with a Message DB store, over HTTP (`MessageDb`) and straight on PostgreSQL (`MessageDbDirect`) alike.
 *
 * All methods check their arguments before anything is sent (`invalid_argument`). A caller's abort surfaces as the
 * reason of its signal, all else as a `MillraceError`. `Data` of a call is what the caller expects; nothing checks it.
 */
export interface MessageStore {
  /**
   * Writes a message at the end of a stream. When the answer is lost the message is looked for by its id, and written
   * again if it is not there.
   *
   * @param stream Any name: `category-id`, or a bare category's.
   * @returns The message's position in the stream.
   * @throws {WrongExpectedVersionError} The stream is not at `expectedVersion`. Nothing was written.
   * @throws {DuplicateMessageError} Another message has this id. Nothing was written.
   * @throws {MillraceError} With `applied: "unknown"` it may have been written, and after an abort too.
   */
  write(stream: string, message: NewMessage, options?: WriteOptions): Promise<bigint>;
  /**
   * Writes messages at the end of one stream in this order: all, with nothing between them, or none. As `write` else.
   *
   * @param messages At least one.
   * @returns The position of the last one.
   */
  writeBatch(stream: string, messages: readonly NewMessage[], options?: WriteOptions): Promise<bigint>;
  /**
   * Reads what the name says: `"$all"` every message in ascending global position, a name with a hyphen a stream, any
   * other a category.
   */
  read<Data = unknown>(name: string, options?: ReadOptions): Read<Data>;
  /** Reads a stream in ascending position; one that does not exist is empty. @param stream A name with a hyphen. */
  readStream<Data = unknown>(stream: string, options?: ReadStreamOptions): Read<Data>;
  /**
   * Reads all streams of a category in ascending global position.
   *
   * @param category The name before the first hyphen; matched as a whole, so `account` is not `account:command`.
   */
  readCategory<Data = unknown>(category: string, options?: ReadCategoryOptions): Read<Data>;
  /** The message with the highest position in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  readLastMessage<Data = unknown>(stream: string, options?: ReadLastMessageOptions): Promise<Message<Data> | undefined>;
  /** The position of the last message in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  streamVersion(stream: string, options?: CallOptions): Promise<bigint | undefined>;
  /**
   * The ids of a category's streams, each once, sorted by their bytes in UTF-8: what follows the first hyphen of their
   * names. Empty ones are left out. The category is matched as a whole, so those of `account:snapshot` are not in `account`.
   */
  streamIdentifiers(category: string, options?: CallOptions): Promise<string[]>;
  /** Messages of each stream. Reads the whole store, as all reports do. */
  streamSummary(options?: CallOptions): Promise<StreamCount[]>;
  /** Messages of each type. */
  typeSummary(options?: CallOptions): Promise<TypeCount[]>;
  /** Messages of each type in each stream, by stream. */
  streamTypeSummary(options?: CallOptions): Promise<StreamTypeCount[]>;
  /** Messages of each type in each stream, by type. */
  typeStreamSummary(options?: CallOptions): Promise<StreamTypeCount[]>;
  /** Messages of each type in each category, by category. */
  categoryTypeSummary(options?: CallOptions): Promise<CategoryTypeCount[]>;
  /** Messages of each type in each category, by type. */
  typeCategorySummary(options?: CallOptions): Promise<CategoryTypeCount[]>;
  /** The version of the store's schema, such as `1.3.0`. */
  messageStoreVersion(options?: CallOptions): Promise<string>;
  /**
   * Follows a category, a stream (a name with a hyphen) or `"$all"`: the stored messages, then new ones as they are
   * written. Nothing is sent before the first `next()` or `opened`.
   */
  subscribe<Data = unknown>(name: string, options?: SubscribeOptions): MessageSubscription<Data>;
  /** Ends all calls and subscriptions with `unavailable`. Idempotent. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
