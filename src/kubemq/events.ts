import type { CallOptions } from "../core/options.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { kubemqMethods } from "../wire/methods.js";
import { Result } from "../../gen/static/kubemq/kubemq.js";
import { ask } from "./ask.js";
import { brokerOf, type Broker, type HasBroker } from "./broker.js";
import { channelName, record, type ChannelKind } from "./check.js";
import { encodeEvent, MESSAGE_NAMES, toWireMessage } from "./convert.js";
import { errorOfText } from "./errors.js";
import type { EventsSubscribeOptions } from "./options.js";
import { publishAll } from "./publish-all.js";
import { subscribeToEvents, type EventsSubscription } from "./subscribe.js";
import type { NewMessage, PublishResult } from "./types.js";

/** Events that are not stored: whoever subscribes gets them, and nobody else ever. */
export interface Events {
  /**
   * Publishes an event. That it resolves says that the broker took it, not that anybody was there.
   *
   * @returns The event's id.
   * @throws {MillraceError} `invalid_argument` for what is refused, here or there: nothing was published. With
   *   `applied: "unknown"` it may have been.
   */
  publish(channel: string, event: NewMessage, options?: CallOptions): Promise<{ readonly id: string }>;
  /**
   * Publishes events over one call, in order, as fast as they are taken. The broker is silent on success: only those
   * that it refused come out. It needs a tunnel, or an http2 carrier.
   */
  publishAll(channel: string, events: Iterable<NewMessage> | AsyncIterable<NewMessage>, options?: CallOptions): AsyncIterableIterator<PublishResult>;
  /**
   * Follows the events of a channel, or of all that a pattern names. They come in the order of each sender, at most once:
   * what is published while a connection is lost is gone, and `state` says `gap: true` from then on. Nothing is sent
   * before the first `next()` or `opened`, and nothing tells when the broker has taken the subscription.
   */
  subscribe(pattern: string, options?: EventsSubscribeOptions): EventsSubscription;
}

/** Events over a client. */
export function events(client: HasBroker): Events {
  const broker = brokerOf(client);
  return {
    publish: (channel, event, options = {}) => publish(broker, channel, event, options, false),
    publishAll: (channel, all, options = {}) => publishAll(broker, channelName(channel, "channel", "plain"), all, options, false),
    subscribe: (pattern, options = {}) => subscribeToEvents(broker, pattern, options),
  };
}

/** Publishes one event, stored or not. */
export async function publish(broker: Broker, channel: string, event: NewMessage, options: CallOptions, store: boolean): Promise<{ readonly id: string }> {
  const kind: ChannelKind = store ? "stored" : "plain";
  const Channel = channelName(channel, "channel", kind);
  record(event, "event", MESSAGE_NAMES);
  const message = toWireMessage(event, "event");
  checkCallOptions(options, "kubemq");
  const { EventID, Sent, Error: text } = await ask(broker, kubemqMethods.sendEvent, encodeEvent(broker, Channel, message, store), Result, options);
  if (!Sent) throw errorOfText(text, "unknown");
  return { id: EventID };
}
