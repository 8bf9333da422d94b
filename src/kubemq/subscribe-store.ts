import { MillraceError } from "../core/errors.js";
import { randomUuid } from "../core/uuid.js";
import { startTimer } from "../core/signal.js";
import type { OpenedFeed, StartAfter } from "../core/subscription.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openStream } from "../carrier/invoke.js";
import { kubemqMethods } from "../wire/methods.js";
import { Subscribe, Subscribe_EventsStoreType as Start, Subscribe_SubscribeType } from "../../gen/static/kubemq/kubemq.js";
import type { Broker } from "./broker.js";
import { channelName, groupName, integer, wrong } from "./check.js";
import { draining, type Draining } from "./draining.js";
import { isFinal } from "./errors.js";
import { contiguous } from "./gaps.js";
import type { EventsStoreSubscribeOptions } from "./options.js";
import { toStart, type WireStart } from "./start.js";
import { MAX_WAITING, resumed, type EventsSubscription } from "./subscribe.js";
import type { ReceivedEvent } from "./types.js";
import { readEvents } from "./views.js";

/** One call of a subscription to stored events. */
interface StoreCall {
  readonly broker: Broker;
  readonly channel: string;
  readonly group: string;
  readonly maxWaiting: number;
  readonly options: EventsStoreSubscribeOptions;
}

/**
 * A {@link EventsSubscription} to stored events.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function subscribeToStore(broker: Broker, channel: string, options: EventsStoreSubscribeOptions): EventsSubscription {
  checkCallOptions(options, "kubemq", ["group", "maxWaiting", "from", "timeUnit"]);
  const group = groupName(options.group, "options.group");
  const call: StoreCall = {
    broker, group, options, channel: channelName(channel, "channel", "stored"),
    maxWaiting: integer(options.maxWaiting, "options.maxWaiting", 1, 1_000_000, MAX_WAITING),
  };
  if (group !== "" && `${channel}${group}`.includes(":")) throw wrong("options.group", group, "must be left out, or neither it nor the channel hold a colon");
  const { timeUnit = "ns" } = options;
  if (timeUnit !== "ns" && timeUnit !== "s") throw wrong("options.timeUnit", timeUnit, 'must be "ns" or "s"');
  const start = toStart(options.from, timeUnit);
  let opens = 0;
  let missed = false;
  return resumed(broker, options.signal, undefined, {
    positionOf: (event) => event.sequence,
    isFinal,
    async open(after, signal) {
      opens++;
      return openCall(call, after, start(opens > 1), signal, () => { missed = true; });
    },
  }, () => missed || (group !== "" && opens > 1));
}

function openCall(call: StoreCall, after: StartAfter<bigint>, first: WireStart, signal: AbortSignal, miss: () => void): OpenedFeed<ReceivedEvent, bigint> {
  const last = typeof after === "bigint" ? after : undefined;
  const events = open(call, last === undefined ? first : { type: Start.StartAtSequence, value: last + 1n }, signal);
  const feed = { after: last, caughtUpAt: () => true, close: () => events.close() };
  // A group's events go to its members in turn, so that the numbers tell one of them nothing.
  if (call.group !== "") return { ...feed, next: () => events.next() };
  const mend = (from: bigint, to: bigint): Promise<ReceivedEvent[]> => between(call, from, to, signal);
  return { ...feed, next: contiguous(() => events.next(), last, mend, miss) };
}

/**
 * Opens a call under a client id of its own. An id that was used before goes on after what was last sent to it, which
 * may never have arrived, whatever start is asked for.
 */
function open({ broker, channel, group, maxWaiting, options }: StoreCall, start: WireStart, signal: AbortSignal): Draining<ReceivedEvent> {
  const { timeoutMs, headers } = options;
  const request = Subscribe.encode({
    SubscribeTypeData: Subscribe_SubscribeType.EventsStore,
    ClientID: `${broker.clientId.replace(/[^\w-]/g, "_")}-${randomUuid()}`,
    Channel: channel,
    Group: group,
    EventsStoreTypeData: start.type,
    EventsStoreTypeValue: start.value,
  }).finish();
  return draining(openStream(broker.connection, kubemqMethods.subscribeToEvents, request, { timeoutMs, headers, signal }), readEvents, maxWaiting);
}

/** The stored events from `from` up to, but without, `to`, which is stored: so something comes at once. */
async function between(call: StoreCall, from: bigint, to: bigint, signal: AbortSignal): Promise<ReceivedEvent[]> {
  const events = open(call, { type: Start.StartAtSequence, value: from }, signal);
  const stop = startTimer(call.broker.connection.connectTimeoutMs, () => events.close());
  const found: ReceivedEvent[] = [];
  try {
    for (let batch; (batch = await events.next()) !== undefined;) {
      for (const event of batch) {
        if (event.sequence < from || event.sequence >= to) return found;
        found.push(event);
        if (event.sequence === to - 1n) return found;
      }
    }
    throw new MillraceError("unavailable", "Missing events were asked for and did not come", { system: "kubemq" });
  } finally {
    stop();
    events.close();
  }
}
