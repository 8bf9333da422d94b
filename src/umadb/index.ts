export { UmaDb } from "./client.js";
export { decide } from "./decide.js";
export { AppendConditionError, TrackingConflictError } from "./errors.js";
export type { DecideOptions, Decision, DecisionContext } from "./decide.js";
export type { AppendOptions, Health, HealthOptions, ReadOptions, SubscribeOptions, UmaDbOptions } from "./options.js";
export type { Read } from "./read.js";
export type { UmaDbSubscription } from "./subscribe.js";
export type {
  AppendCondition, Metadata, NewEvent, Query, QueryItem, ReceivedEvent, SequencedEvent, TrackingInfo, UmaDbEvent,
} from "./types.js";
export type { Payload, PayloadCodec } from "../core/codec.js";
export type { Subscription, SubscriptionState } from "../core/subscription.js";
