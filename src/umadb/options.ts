import type { PayloadCodec } from "../core/codec.js";
import type { CallOptions } from "../core/options.js";
import type { ConnectionOptions } from "../carrier/connection.js";
import type { AppendCondition, TrackingInfo } from "./types.js";

/** Options of `UmaDb`. */
export interface UmaDbOptions<Data = Uint8Array> extends ConnectionOptions {
  /** How many events the server puts into one batch of a read or a subscription; the server's 1 024 by default, 4 096 at most. */
  batchSize?: number | undefined;
  /** Maps types and payloads to a domain's own and back; bytes as they are by default. */
  codec?: PayloadCodec<Data> | undefined;
}

/** Options of `UmaDb.read`. */
export interface ReadOptions extends CallOptions {
  /** Inclusive: the first position forwards, the last one backwards. From the first, or the last, event by default. */
  start?: bigint | undefined;
  /** From the last event to the first; false by default. */
  backwards?: boolean | undefined;
  /** The most events in all; all of them by default, none with 0. */
  limit?: number | undefined;
  /** The most events in a batch; the client's by default. */
  batchSize?: number | undefined;
}

/** Options of `UmaDb.subscribe`. Its `timeoutMs`, none by default, is the longest wait for the next batch. */
export interface SubscribeOptions extends CallOptions {
  /**
   * Exclusive: events past this position; `"end"`: events stored after the subscription was opened. All events by
   * default. At most 2^64 - 2, since nothing lies past the largest number.
   */
  after?: bigint | "end" | undefined;
  /** The most events in a batch; the client's by default. */
  batchSize?: number | undefined;
}

/** Options of `UmaDb.append`. */
export interface AppendOptions extends CallOptions {
  /** What must not have happened; none by default. Without one, an append whose answer is lost cannot be settled. */
  condition?: AppendCondition | undefined;
  /** Recorded with the events, and only if its position is past the one recorded for its source; none by default. */
  trackingInfo?: TrackingInfo | undefined;
}

/** Options of `UmaDb.health`. */
export interface HealthOptions extends CallOptions {
  /** The service asked for; `""`, the whole server, by default. */
  service?: string | undefined;
}

/** What the server's health service says of itself. A server whose writer has died still says `serving`. */
export interface Health {
  /** `unknown` also for what a newer server may say. */
  readonly status: "serving" | "not-serving" | "unknown";
}
