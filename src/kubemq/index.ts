export { KubeMq } from "./client.js";
export { events } from "./events.js";
export { eventsStore } from "./events-store.js";
export { commands, queries } from "./requests.js";
export { queues } from "./queues.js";
export { SENDER_TAG } from "./convert.js";
export type { Events } from "./events.js";
export type { EventsStore } from "./events-store.js";
export type { HasBroker } from "./broker.js";
export type { AuthToken, EventsStoreSubscribeOptions, EventsSubscribeOptions, KubeMqOptions, NewQuery, NewRequest, ServeOptions } from "./options.js";
export type { CommandReply, Commands, Queries, QueryReply } from "./requests.js";
export type { Handler, ReceivedRequest, Reply, Serving } from "./serve.js";
export type { EventsSubscription, GapState } from "./subscribe.js";
export type { NewMessage, NewTags, Ping, PublishResult, ReceivedEvent, StartFrom } from "./types.js";
export type {
  AckAllOptions, BatchResult, NewQueueMessage, PullOptions, QueueInfo, QueueMessage, SendResult, TransactionOptions,
} from "./queue-types.js";
export type { Queues } from "./queues.js";
export type { LeasedMessage, QueueReceiver, ReceiveOptions } from "./receive.js";
export type { QueueTransaction } from "./transaction.js";
export type { EventObject, Tags } from "./views.js";
export type { Subscription, SubscriptionState } from "../core/subscription.js";
