import { resuming, type FeedSource, type Subscription, type SubscriptionState } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openStream } from "../carrier/invoke.js";
import { kubemqMethods } from "../wire/methods.js";
import { Subscribe, Subscribe_SubscribeType } from "../../gen/static/kubemq/kubemq.js";
import { policyOf, type Broker } from "./broker.js";
import { channelName, groupName, integer } from "./check.js";
import { draining } from "./draining.js";
import { isFinal } from "./errors.js";
import type { EventsSubscribeOptions } from "./options.js";
import type { ReceivedEvent } from "./types.js";
import { readEvents, type EventObject } from "./views.js";

/** As a {@link SubscriptionState}, and whether events were missed, or may have been. */
export type GapState = SubscriptionState & { readonly gap?: true };

/** A subscription to events, which comes back when its connection is lost. */
export interface EventsSubscription extends Omit<Subscription<ReceivedEvent>, "state" | "onStateChange"> {
  /** Where it stands; with `gap: true` once events may have been missed. */
  readonly state: GapState;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: GapState) => void): () => void;
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<EventObject>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The most events that wait for their reader, where nobody says otherwise. */
export const MAX_WAITING = 10_000;

/**
 * A {@link EventsSubscription} to events that are not stored.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function subscribeToEvents(broker: Broker, pattern: string, options: EventsSubscribeOptions): EventsSubscription {
  checkCallOptions(options, "kubemq", ["group", "maxWaiting"]);
  const request = Subscribe.encode({
    SubscribeTypeData: Subscribe_SubscribeType.Events,
    ClientID: broker.clientId,
    Channel: channelName(pattern, "pattern", "pattern"),
    Group: groupName(options.group, "options.group"),
    EventsStoreTypeData: 0,
    EventsStoreTypeValue: 0n,
  }).finish();
  const maxWaiting = integer(options.maxWaiting, "options.maxWaiting", 1, 1_000_000, MAX_WAITING);
  const { timeoutMs, headers } = options;
  let opens = 0;
  return resumed(broker, options.signal, undefined, {
    positionOf: () => 0n,
    isFinal,
    async open(_, signal) {
      opens++;
      const events = draining(openStream(broker.connection, kubemqMethods.subscribeToEvents, request, { timeoutMs, headers, signal }), readEvents, maxWaiting);
      return { after: undefined, caughtUpAt: () => true, next: () => events.next(), close: () => events.close() };
    },
  }, () => opens > 1);
}

/** What of a source's subscription a user gets. A broker does not say that it took a subscription, so it is live at once. */
export function resumed(
  broker: Broker, signal: AbortSignal | undefined, after: bigint | undefined, source: FeedSource<ReceivedEvent, bigint>, hasGap: () => boolean,
): EventsSubscription {
  const base = resuming(source, { after, policy: policyOf(broker), clock: platformClock, signal, closed: broker.connection.closed });
  const marked = (state: SubscriptionState): GapState => (hasGap() ? { ...state, gap: true } : state);
  const { each, onStateChange } = base;
  const state = Object.getOwnPropertyDescriptor(base, "state")?.get as () => SubscriptionState;
  const position = Object.getOwnPropertyDescriptor(base, "position")?.get as () => bigint | undefined;
  // Defined and not copied: reading the getter `opened` opens.
  return Object.defineProperties(base, {
    state: { get: () => marked(state()) },
    position: { get: () => position() || undefined },
    onStateChange: { value: (listener: (state: GapState) => void) => onStateChange((changed) => listener(marked(changed))) },
    toObjects: { value: () => each((event) => event.toObject()) },
  }) as unknown as EventsSubscription;
}
