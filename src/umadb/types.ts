/**
 * An event's metadata: unique keys, as an object without a prototype, so that a key like `__proto__` is a key like any
 * other. Keys come in the order in which they are stored, but for those that look like array indices (`"7"`), which
 * every JavaScript object lists first.
 */
export type Metadata = Readonly<Record<string, string>>;

/** An event to append. */
export interface NewEvent<Data = Uint8Array> {
  /** What happened. Any string, empty too; type and tags together must fit into about 4 000 bytes of UTF-8. */
  readonly type: string;
  /** What it is about, for queries. None by default. */
  readonly tags?: readonly string[] | undefined;
  /** The payload: bytes, or what the client's `codec` encodes. A whole request holds at most 4 MiB. */
  readonly data: Data;
  /**
   * Recognises the event when the same append is sent again. Any usual spelling of a UUID is taken, and stored in lower
   * case with hyphens. Made by the client when left out. The store does not enforce that it is unique.
   */
  readonly uuid?: string | undefined;
  /**
   * None by default. An object, or pairs (a `Map` too) where the order matters: keys are unique, keys and values have
   * at most 65 535 bytes of UTF-8.
   */
  readonly metadata?: Metadata | Iterable<readonly [string, string]> | undefined;
}

/** An event as it is stored. */
export interface UmaDbEvent<Data = Uint8Array> {
  /** What happened. */
  readonly type: string;
  /** In the order in which they were appended. */
  readonly tags: readonly string[];
  /** The payload: bytes, or what the client's `codec` made of them. */
  readonly data: Data;
  /** In lower case with hyphens; left out when the event was stored without one. */
  readonly uuid?: string | undefined;
  /** Empty when there is none. */
  readonly metadata: Metadata;
}

/** A stored event and where it stands. An object literal is assignable, so that tests can make their own. */
export interface SequencedEvent<Data = Uint8Array> {
  /** Counts up by one from 1, without gaps, over the whole store. */
  readonly position: bigint;
  /** What was appended. */
  readonly event: UmaDbEvent<Data>;
  /** The tracking information that was recorded with it, if any. */
  readonly trackingInfo?: TrackingInfo | undefined;
}

/**
 * An event as a read or a subscription hands it out. Its bytes may be a view on the response, which they keep in
 * memory: what is kept for long is kept by `detach()` or `toObject()`.
 */
export interface ReceivedEvent<Data = Uint8Array> extends SequencedEvent<Data> {
  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): SequencedEvent<Data>;
  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same event. */
  detach(): this;
  /** For `JSON.stringify`: positions as decimal strings, bytes as base64. */
  toJSON(): unknown;
}

/** Which events: those that match at least one item. Without items: every event. */
export interface Query {
  /** Any of these must match; none means every event. */
  readonly items: readonly QueryItem[];
}

/** Matches an event whose type is one of `types` and that has all `tags`; the comparison is exact. */
export interface QueryItem {
  /** Any of these; left out or empty: any type. */
  readonly types?: readonly string[] | undefined;
  /** All of these; left out or empty: any tags. */
  readonly tags?: readonly string[] | undefined;
}

/** What must not have happened for an append to be recorded. */
export interface AppendCondition {
  /** The append fails when an event past `after` matches. Left out: when there is any event at all past `after`. */
  readonly failIfEventsMatch?: Query | undefined;
  /** Exclusive: only events past this position count. Left out: all events. At most 2^64 - 2. */
  readonly after?: bigint | undefined;
}

/** How far a consumer of another sequence has come, recorded together with the events that it made of it. */
export interface TrackingInfo {
  /** The name of the other sequence; at most 255 bytes of UTF-8. */
  readonly source: string;
  /** Strictly increasing for each source; the first may be any, 0 too. */
  readonly position: bigint;
}
