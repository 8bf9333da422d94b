import type { CallOptions } from "../core/options.js";
import type { SubscriptionState } from "../core/subscription.js";
import type { EventFilter, Position, ReceivedEvent } from "./types.js";

/**
 * Who of a group's readers gets an event. `DispatchToSingle`: one of them as long as it has room; `RoundRobin`: one after
 * the other; `Pinned`: always the same for a stream, `PinnedByCorrelation` (only when a group is created) for a
 * `$correlationId`, as long as the readers stay.
 */
export type ConsumerStrategy = "DispatchToSingle" | "RoundRobin" | "Pinned" | "PinnedByCorrelation" | (string & Record<never, never>);

/** How a group of readers is served. What is left out has the default said here, also in an update. */
export interface PersistentSubscriptionSettings {
  /**
   * The first event, inclusive: a revision, for `"$all"` a position. `"end"`, the default: what is written from now on.
   * Means nothing to an update once the group has a checkpoint.
   */
  start?: bigint | Position | "start" | "end" | undefined;
  /** Whether a link comes as the event that it leads to; false by default. */
  resolveLinks?: boolean | undefined;
  /** Whether `info` tells latencies; false by default. */
  extraStatistics?: boolean | undefined;
  /** How long an event may be unsettled before it is handed out again, in milliseconds, to the second; 30 000 by default. */
  messageTimeoutMs?: number | undefined;
  /** How often an event is handed out again before it is parked; 10 by default. */
  maxRetryCount?: number | undefined;
  /** After how long the group's place is written down, in milliseconds; 2 000 by default, 0 for never by time. */
  checkpointAfterMs?: number | undefined;
  /** After how many settled events the group's place is written down at the earliest; 10 by default. */
  minCheckpointCount?: number | undefined;
  /** After how many settled events the group's place is written down at the latest; 1 000 by default. */
  maxCheckpointCount?: number | undefined;
  /** The most readers at once; 0, the default, for any number. */
  maxSubscriberCount?: number | undefined;
  /** How many new events the server keeps in memory; 500 by default. */
  liveBufferSize?: number | undefined;
  /** How many stored events the server reads at once, less than `historyBufferSize`; 20 by default. */
  readBatchSize?: number | undefined;
  /** How many stored events the server keeps in memory; 500 by default. */
  historyBufferSize?: number | undefined;
  /** `RoundRobin` by default. */
  strategy?: ConsumerStrategy | undefined;
}

/** Options of `create`. */
export interface CreatePersistentOptions extends PersistentSubscriptionSettings, CallOptions {
  /** Which events of `"$all"`; all by default. It cannot be changed later. */
  filter?: EventFilter | undefined;
}

/** Options of `update`. */
export interface UpdatePersistentOptions extends PersistentSubscriptionSettings, CallOptions {}

/** Options of `replayParked`. */
export interface ReplayParkedOptions extends CallOptions {
  /** Up to this revision of the parked stream, exclusive; all of them by default. */
  stopAt?: bigint | undefined;
}

/** Options of `receive`. */
export interface ReceiveOptions extends Omit<CallOptions, "timeoutMs"> {
  /** The most events that are handed to this reader and not settled, 1 to 5 000; 10 by default. */
  bufferSize?: number | undefined;
}

/**
 * What becomes of an event that was not handled. `retry`: it is handed out again, until its retries are used up; `park`:
 * it is put aside for `replayParked`; `skip`: it is done with; `stop`: the same, for servers that may one day stop the reader.
 */
export type NackAction = "park" | "retry" | "skip" | "stop";

/** An event that is this reader's until it is settled, its time is over, or its connection is lost: it is then handed out again. */
export interface PersistentEvent<Data = Uint8Array> extends ReceivedEvent<Data> {
  /** How often it was handed out before, as the server counts. */
  readonly retryCount: number;
  /** Whether it may have been handed out before: by the server's count, or to this client, whatever that says. */
  readonly redelivered: boolean;
  /**
   * Says that it is handled. Several are sent together, a few milliseconds later at most; no server confirms one.
   *
   * @returns Whether it is sent: false where the connection was lost, so that the event comes again.
   * @throws {MillraceError} `conflict` when it is settled already.
   */
  ack(): boolean;
  /**
   * Says that it is not handled, and what is to become of it.
   *
   * @param reason Stored with a parked event; at most 4 096 characters.
   * @returns As `ack()`.
   * @throws {MillraceError} `conflict` when it is settled already; `invalid_argument`.
   */
  nack(action: NackAction, reason?: string): boolean;
}

/**
 * Events of a group as they come, **at least once**, in no certain order. A lost connection, and a group that is updated,
 * make it wait (`state`) and open itself again; what was not settled is handed out again then, to this reader or another,
 * and so may be what was, since acknowledgements are not confirmed. It ends when its loop is left, by `close()`, by an
 * abort, and with an error that trying again cannot mend, such as `not_found` for a group that is deleted.
 */
export interface PersistentSubscription<Data = Uint8Array> extends AsyncIterable<PersistentEvent<Data>> {
  /** Where it stands. */
  readonly state: SubscriptionState;
  /** What the server calls it, once it is open. */
  readonly subscriptionId: string | undefined;
  /** Opens it, if no iteration has, and resolves when the server has confirmed it. */
  readonly opened: Promise<void>;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: SubscriptionState) => void): () => void;
  /** Events in the batches in which they arrive. Leaving the loop ends it. */
  batches(): AsyncIterableIterator<PersistentEvent<Data>[]>;
  /** Sends what was settled and gives the server a moment to take it; what was not is handed out again. Idempotent. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A reader of a group, as the server sees it. */
export interface PersistentConnection {
  /** Its address; empty where there are no users. */
  readonly from: string;
  /** Its login. */
  readonly username: string;
  /** What it called itself. */
  readonly connectionName: string;
  /** Events that it was handed, a second. */
  readonly averageItemsPerSecond: number;
  /** Events that it was handed, repeats included. */
  readonly totalItems: bigint;
  /** Of these, since the last measurement. */
  readonly countSinceLastMeasurement: bigint;
  /** Latencies by name, with `extraStatistics`. */
  readonly measurements: ReadonlyMap<string, bigint>;
  /** How many more it would be handed. */
  readonly availableSlots: number;
  /** What it has not settled. */
  readonly inFlightMessages: number;
}

/** A group of readers, as the server sees it. */
export interface PersistentSubscriptionInfo {
  /** A stream, or `"$all"`. */
  readonly source: string;
  /** The group's name. */
  readonly group: string;
  /** Flags such as `Live`, `Behind` or `ReplayingParkedMessages`. */
  readonly status: readonly string[];
  /** Its readers. */
  readonly connections: readonly PersistentConnection[];
  /** The settings that it has, all of them; `start` is left out, see `startFrom`. */
  readonly settings: Required<Omit<PersistentSubscriptionSettings, "start">>;
  /** Where it began, as the server writes it: a revision, `-1` for the end, `C:commit/P:prepare`. */
  readonly startFrom: string;
  /** The place written down last; empty before the first, and written like `startFrom`. */
  readonly lastCheckpointedEventPosition: string;
  /** The last event that the group knows of; written like `startFrom`. */
  readonly lastKnownEventPosition: string;
  /** Events handed out, a second. */
  readonly averagePerSecond: number;
  /** Events handed out since the server started, repeats included. */
  readonly totalItems: bigint;
  /** Of these, since the last measurement. */
  readonly countSinceLastMeasurement: bigint;
  /** Stored events in memory. */
  readonly readBufferCount: number;
  /** New events in memory. */
  readonly liveBufferCount: bigint;
  /** Events that wait to be handed out again. */
  readonly retryBufferCount: number;
  /** Events that its readers have not settled. */
  readonly totalInFlightMessages: number;
  /** Events that are handed out or wait to be. */
  readonly outstandingMessagesCount: number;
  /** Events that were put aside. */
  readonly parkedMessageCount: bigint;
}
