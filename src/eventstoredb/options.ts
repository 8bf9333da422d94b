import type { CallOptions } from "../core/options.js";
import type { EventFilter, ExpectedRevision, Position, StreamCheck } from "./types.js";

/** Options of `EventStoreDb.readStream`. */
export interface ReadStreamOptions extends CallOptions {
  /** Inclusive, both ways. `"start"` by default, or `"end"` backwards. Forwards from `"end"` there is nothing. */
  from?: bigint | "start" | "end" | undefined;
  /** From the last event to the first; false by default. */
  backwards?: boolean | undefined;
  /** The most events in all; all of them by default, none with 0. */
  limit?: number | undefined;
  /** Whether a link comes as the event that it leads to; false by default. */
  resolveLinks?: boolean | undefined;
  /** Whether only the node that leads its cluster may answer; false by default. */
  requiresLeader?: boolean | undefined;
}

/** Options of `EventStoreDb.readAll`. */
export interface ReadAllOptions extends CallOptions {
  /**
   * Inclusive forwards, exclusive backwards. A bare bigint is a commit position. It must be one that the server handed
   * out. `"start"` by default, or `"end"` backwards.
   */
  from?: bigint | Position | "start" | "end" | undefined;
  /** From the last event to the first; false by default. */
  backwards?: boolean | undefined;
  /** The most events in all, after the filter; all of them by default, none with 0. */
  limit?: number | undefined;
  /** Which events; all by default, the system's own too. */
  filter?: EventFilter | undefined;
  /** Whether a link comes as the event that it leads to; false by default. */
  resolveLinks?: boolean | undefined;
  /** Whether only the node that leads its cluster may answer; false by default. */
  requiresLeader?: boolean | undefined;
}

/** Options of `EventStoreDb.subscribeToStream`. Its `timeoutMs`, none by default, is the longest wait for the next event. */
export interface SubscribeToStreamOptions extends CallOptions {
  /** Exclusive: events past this revision; `"end"`: events written after the subscription was opened. `"start"` by default. */
  after?: bigint | "start" | "end" | undefined;
  /** Whether a link comes as the event that it leads to; false by default. */
  resolveLinks?: boolean | undefined;
  /** Whether only the node that leads its cluster may answer; false by default. */
  requiresLeader?: boolean | undefined;
}

/** Options of `EventStoreDb.subscribeToAll`. Its `timeoutMs`, none by default, is the longest wait for the next message. */
export interface SubscribeToAllOptions extends CallOptions {
  /** Exclusive: events past this place; `"end"`: events written after the subscription was opened. `"start"` by default. */
  after?: bigint | Position | "start" | "end" | undefined;
  /** Which events; all by default, the system's own too. */
  filter?: EventFilter | undefined;
  /** Whether a link comes as the event that it leads to; false by default. */
  resolveLinks?: boolean | undefined;
  /** Whether only the node that leads its cluster may answer; false by default. */
  requiresLeader?: boolean | undefined;
}

/** Options of everything that writes to a stream. */
export interface WriteOptions extends CallOptions {
  /** What the stream must be; `"any"` by default, which is the weakest protection against writing twice. */
  expectedRevision?: ExpectedRevision | undefined;
  /** Whether only the node that leads its cluster may answer; false by default, where others pass it on. */
  requiresLeader?: boolean | undefined;
}

/** Options of `EventStoreDb.append`. */
export interface AppendOptions extends WriteOptions {
  /** What becomes of a `WrongExpectedVersionError`: thrown by default, or returned. */
  conflict?: "throw" | "return" | undefined;
}

/** Options of `EventStoreDb.appendRecords`. */
export interface AppendRecordsOptions extends CallOptions {
  /** What streams must be, written to or not; nothing by default. One for each stream at most. */
  checks?: readonly StreamCheck[] | undefined;
}
