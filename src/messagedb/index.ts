export { MessageDb } from "./client.js";
export { DuplicateMessageError, WrongExpectedVersionError } from "./errors.js";
export { exactJson } from "./exact-json.js";
export { cardinalId, category, hash64, id, isCategory } from "./names.js";
export { positionStore } from "./position-store.js";
export type { MessageDbOptions, QueryOptions } from "./client.js";
export type {
  JsonFormat, PositionStore, ReadCategoryOptions, ReadLastMessageOptions, ReadOptions, ReadStreamOptions, SubscribeOptions, WriteOptions,
} from "./options.js";
export type { PositionClient, PositionStoreOptions } from "./position-store.js";
export type { MessageStore, MessageSubscription, MessageSubscriptionState, Read } from "./store.js";
export type {
  CategoryTypeCount, ConsumerGroup, Gap, Message, MessageCount, NewMessage, StreamCount, StreamTypeCount, TypeCount,
} from "./types.js";
