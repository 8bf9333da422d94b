/** A message as it is stored. An object literal is assignable, so that tests can make their own. */
export interface Message<Data = unknown, Metadata = unknown> {
  /** A uuid in lower case with hyphens, unique in the whole store. */
  readonly id: string;
  /** The stream it was written to, or a bare category's name. */
  readonly stream: string;
  /** What happened. */
  readonly type: string;
  /** Counts up by one from 0 within its stream, without gaps. */
  readonly position: bigint;
  /** Ascends over the whole store from 1, with gaps. */
  readonly globalPosition: bigint;
  /**
   * The JSON value as PostgreSQL keeps it: keys in its own order, the last of equal ones. `null` where the message has
   * no data, too. Numbers are JavaScript's, unless the client's `json` says otherwise.
   */
  readonly data: Data;
  /** As `data`; left out where the message has none. */
  readonly metadata?: Metadata | undefined;
  /** When the transaction began that wrote it, to the millisecond. */
  readonly time: Date;
  /** The same to the microsecond, as microseconds since 1970 in UTC. */
  readonly timeMicros: bigint;
}

/** A message to write. */
export interface NewMessage<Data = unknown, Metadata = unknown> {
  /** What happened; any string without the character U+0000. */
  readonly type: string;
  /** Any JSON value, `null` too. Left out, the message has no data, which reads as `null`. */
  readonly data?: Data | undefined;
  /** Any JSON value; an empty object is kept. None by default. */
  readonly metadata?: Metadata | undefined;
  /**
   * Recognises the message when it is written again. Any usual spelling of a uuid is taken, and stored in lower case
   * with hyphens. Made by the client when left out.
   */
  readonly id?: string | undefined;
}

/** One of several consumers that share a category. Streams with the same cardinal id go to the same member. */
export interface ConsumerGroup {
  /** Which of them, from 0 to `size - 1`. */
  readonly member: number;
  /** How many there are, from 1 to 32 767. */
  readonly size: number;
}

/**
 * Global positions where no message appeared while a subscription waited; `from` and `to` are inclusive. As a rule
 * nothing was ever stored there; a transaction that stayed open for longer than the wait may store something yet, which
 * the subscription will not bring.
 */
export interface Gap {
  /** The first missing position. */
  readonly from: bigint;
  /** The last missing position. */
  readonly to: bigint;
}

/** How many messages there are of something, and their share of the whole. */
export interface MessageCount {
  /** Messages. */
  readonly count: bigint;
  /** Share of all messages of the store, in percent, rounded to two places. */
  readonly percent: number;
}

/** A row of `streamSummary()`. */
export interface StreamCount extends MessageCount {
  /** The stream's name. */
  readonly stream: string;
}

/** A row of `typeSummary()`. */
export interface TypeCount extends MessageCount {
  /** The message type. */
  readonly type: string;
}

/** A row of `streamTypeSummary()` and `typeStreamSummary()`. */
export interface StreamTypeCount extends StreamCount, TypeCount {}

/** A row of `categoryTypeSummary()` and `typeCategorySummary()`. */
export interface CategoryTypeCount extends TypeCount {
  /** The category's name. */
  readonly category: string;
}
