export { EventStoreDb } from "./client.js";
export { binaryEvent, jsonEvent } from "./events.js";
export { eventTypes, excludeSystemEvents, streamNames, SYSTEM_EVENTS } from "./filters.js";
export {
  AccessDeniedError, AppendConsistencyError, MaximumAppendSizeError, NotLeaderError, StreamDeletedError, StreamNotFoundError, WrongExpectedVersionError,
} from "./errors.js";
export { persistentSubscriptions } from "./persistent.js";
export type { EventStoreDbOptions } from "./client.js";
export type { ActualRevision } from "./errors.js";
export type { BinaryEventFields, JsonEventFields } from "./events.js";
export type { FilterPatterns, StreamNamePatterns } from "./filters.js";
export type {
  AppendOptions, AppendRecordsOptions, ReadAllOptions, ReadStreamOptions, SubscribeToAllOptions, SubscribeToStreamOptions, WriteOptions,
} from "./options.js";
export type { PersistentSubscriptions } from "./persistent.js";
export type {
  ConsumerStrategy, CreatePersistentOptions, NackAction, PersistentConnection, PersistentEvent, PersistentSubscription, PersistentSubscriptionInfo,
  PersistentSubscriptionSettings, ReceiveOptions, ReplayParkedOptions, UpdatePersistentOptions,
} from "./persistent-types.js";
export type { Read } from "./read.js";
export type { EventStoreDbSubscription } from "./subscribe.js";
export type { MetadataResult, StreamAcl, StreamMetadata } from "./stream-metadata.js";
export type {
  AppendResult, CheckViolation, ContentType, DeleteResult, EventFilter, ExpectedRevision, MultiAppendResult, NewEvent, NewRecord, Position,
  ReceivedEvent, RecordedEvent, StreamAppend, StreamCheck, StreamState,
} from "./types.js";
export type { Payload, PayloadCodec } from "../core/codec.js";
export type { Subscription, SubscriptionState } from "../core/subscription.js";
