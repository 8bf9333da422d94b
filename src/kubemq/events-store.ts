import type { CallOptions } from "../core/options.js";
import { brokerOf, type HasBroker } from "./broker.js";
import { channelName } from "./check.js";
import { publish } from "./events.js";
import type { EventsStoreSubscribeOptions } from "./options.js";
import { publishAll } from "./publish-all.js";
import type { EventsSubscription } from "./subscribe.js";
import { subscribeToStore } from "./subscribe-store.js";
import type { NewMessage, PublishResult } from "./types.js";

/** Events that are stored, and numbered in their channel from 1. */
export interface EventsStore {
  /**
   * Publishes an event. A 2.4 broker answers before it has stored it; the results of `publishAll` are its word for that.
   *
   * @returns The event's id.
   * @throws {MillraceError} `invalid_argument` for what is refused, here or there: nothing was published. With
   *   `applied: "unknown"` it may have been.
   */
  publish(channel: string, event: NewMessage, options?: CallOptions): Promise<{ readonly id: string }>;
  /**
   * Publishes events over one call, in order; each has its result when it is stored. It needs a tunnel, or an http2
   * carrier. An event without result when it throws may have been stored.
   */
  publishAll(channel: string, events: Iterable<NewMessage> | AsyncIterable<NewMessage>, options?: CallOptions): AsyncIterableIterator<PublishResult>;
  /**
   * Follows the events of a channel. Without a group each comes in order and exactly once for a consumer that comes back
   * for the next: a lost connection, a reader that was too slow and a hole in the numbers are mended by their numbers.
   * Where the broker no longer has what is missing `state` says `gap: true`. A channel that was emptied begins again at 1.
   *
   * With a group each event goes to one member, and what was on its way to one that breaks off is lost: up to some
   * hundred events. `state` says `gap: true` after each reconnect then, and `from` counts only for the first member ever.
   */
  subscribe(channel: string, options?: EventsStoreSubscribeOptions): EventsSubscription;
}

/** Stored events over a client. */
export function eventsStore(client: HasBroker): EventsStore {
  const broker = brokerOf(client);
  return {
    publish: (channel, event, options = {}) => publish(broker, channel, event, options, true),
    publishAll: (channel, all, options = {}) => publishAll(broker, channelName(channel, "channel", "stored"), all, options, true),
    subscribe: (channel, options = {}) => subscribeToStore(broker, channel, options),
  };
}
