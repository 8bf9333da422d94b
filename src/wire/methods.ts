import type { SystemName } from "../core/errors.js";
import type { CancelRule, Lane, MethodKind } from "./call-kinds.js";

/** One gRPC method: how it is reached, and what a repeat or a cancel of it does. */
export interface Method {
  readonly path: string;
  readonly system: SystemName;
  readonly kind: MethodKind;
  readonly lane: Lane;
  readonly cancel: CancelRule;
  /** Whether sending the call again changes nothing more than sending it once. */
  readonly repeatable: boolean;
}

// Paths stand in full: bundlers keep a table they do not need as soon as one value in it is computed.

/** UmaDB's methods, and the health service that only UmaDB is asked for. */
export const umadbMethods = {
  read: { path: "/umadb.v1.DCB/Read", system: "umadb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  subscribe: { path: "/umadb.v1.DCB/Subscribe", system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  append: { path: "/umadb.v1.DCB/Append", system: "umadb", kind: "unary", lane: "append", cancel: "never", repeatable: false },
  head: { path: "/umadb.v1.DCB/Head", system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  trackingInfo: { path: "/umadb.v1.DCB/GetTrackingInfo", system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthCheck: { path: "/grpc.health.v1.Health/Check", system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthWatch: { path: "/grpc.health.v1.Health/Watch", system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/**
 * EventStoreDB's methods, of both protocols. Writes are never `repeatable` here: the server recognises a repeat by ids
 * that the writer gave, so only the writer knows.
 *
 * `read` is a read that ends or a subscription, as its request says; who makes the request asks for lane `live` for a
 * subscription.
 */
export const eventstoredbMethods = {
  read: { path: "/event_store.client.streams.Streams/Read", system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  append: { path: "/event_store.client.streams.Streams/Append", system: "eventstoredb", kind: "client", lane: "short", cancel: "delayed", repeatable: false },
  delete: { path: "/event_store.client.streams.Streams/Delete", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  tombstone: { path: "/event_store.client.streams.Streams/Tombstone", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  batchAppend: { path: "/event_store.client.streams.Streams/BatchAppend", system: "eventstoredb", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },

  persistentCreate: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentUpdate: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Update", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentDelete: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Delete", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentRead: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Read", system: "eventstoredb", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  persistentGetInfo: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/GetInfo", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  persistentReplayParked: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/ReplayParked", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentTruncateParked: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/TruncateParked", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentList: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/List", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  persistentRestartSubsystem: { path: "/event_store.client.persistent_subscriptions.PersistentSubscriptions/RestartSubsystem", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  projectionsCreate: { path: "/event_store.client.projections.Projections/Create", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsUpdate: { path: "/event_store.client.projections.Projections/Update", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsDelete: { path: "/event_store.client.projections.Projections/Delete", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsStatistics: { path: "/event_store.client.projections.Projections/Statistics", system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  projectionsDisable: { path: "/event_store.client.projections.Projections/Disable", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsEnable: { path: "/event_store.client.projections.Projections/Enable", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsReset: { path: "/event_store.client.projections.Projections/Reset", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsState: { path: "/event_store.client.projections.Projections/State", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  projectionsResult: { path: "/event_store.client.projections.Projections/Result", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  projectionsRestartSubsystem: { path: "/event_store.client.projections.Projections/RestartSubsystem", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  operationsStartScavenge: { path: "/event_store.client.operations.Operations/StartScavenge", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsStopScavenge: { path: "/event_store.client.operations.Operations/StopScavenge", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsShutdown: { path: "/event_store.client.operations.Operations/Shutdown", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsMergeIndexes: { path: "/event_store.client.operations.Operations/MergeIndexes", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsResignNode: { path: "/event_store.client.operations.Operations/ResignNode", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsSetNodePriority: { path: "/event_store.client.operations.Operations/SetNodePriority", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsRestartPersistentSubscriptions: { path: "/event_store.client.operations.Operations/RestartPersistentSubscriptions", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  usersCreate: { path: "/event_store.client.users.Users/Create", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersUpdate: { path: "/event_store.client.users.Users/Update", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDelete: { path: "/event_store.client.users.Users/Delete", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDisable: { path: "/event_store.client.users.Users/Disable", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersEnable: { path: "/event_store.client.users.Users/Enable", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDetails: { path: "/event_store.client.users.Users/Details", system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  usersChangePassword: { path: "/event_store.client.users.Users/ChangePassword", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersResetPassword: { path: "/event_store.client.users.Users/ResetPassword", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  gossip: { path: "/event_store.client.gossip.Gossip/Read", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },

  stats: { path: "/event_store.client.monitoring.Monitoring/Stats", system: "eventstoredb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },

  supportedMethods: { path: "/event_store.client.server_features.ServerFeatures/GetSupportedMethods", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },

  appendSession: { path: "/kurrentdb.protocol.v2.streams.StreamsService/AppendSession", system: "eventstoredb", kind: "client", lane: "short", cancel: "delayed", repeatable: false },
  appendRecords: { path: "/kurrentdb.protocol.v2.streams.StreamsService/AppendRecords", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  indexesCreate: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/Create", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesStart: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/Start", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesStop: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/Stop", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesDelete: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/Delete", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesList: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/List", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  indexesGet: { path: "/kurrentdb.protocol.v2.indexes.IndexesService/Get", system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/**
 * KubeMQ's methods. A subscription is not `repeatable`: the broker counts a stored event as delivered, and a request as
 * taken, once it is on its way.
 *
 * `queuesUpstream` stays open when the caller is done sending. Who owns the call ends it when every request in it has
 * its answer, and not before: that can crash the broker.
 */
export const kubemqMethods = {
  sendEvent: { path: "/kubemq.kubemq/SendEvent", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendEventsStream: { path: "/kubemq.kubemq/SendEventsStream", system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  subscribeToEvents: { path: "/kubemq.kubemq/SubscribeToEvents", system: "kubemq", kind: "server", lane: "live", cancel: "delayed", repeatable: false },
  subscribeToRequests: { path: "/kubemq.kubemq/SubscribeToRequests", system: "kubemq", kind: "server", lane: "live", cancel: "delayed", repeatable: false },
  sendRequest: { path: "/kubemq.kubemq/SendRequest", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendResponse: { path: "/kubemq.kubemq/SendResponse", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendQueueMessage: { path: "/kubemq.kubemq/SendQueueMessage", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendQueueMessagesBatch: { path: "/kubemq.kubemq/SendQueueMessagesBatch", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  receiveQueueMessages: { path: "/kubemq.kubemq/ReceiveQueueMessages", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  streamQueueMessage: { path: "/kubemq.kubemq/StreamQueueMessage", system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  ackAllQueueMessages: { path: "/kubemq.kubemq/AckAllQueueMessages", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  ping: { path: "/kubemq.kubemq/Ping", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  queuesDownstream: { path: "/kubemq.kubemq/QueuesDownstream", system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  queuesUpstream: { path: "/kubemq.kubemq/QueuesUpstream", system: "kubemq", kind: "bidi", lane: "live", cancel: "never", repeatable: false },
  queuesInfo: { path: "/kubemq.kubemq/QueuesInfo", system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/** Every method of every system, by its path. */
export function allMethods(): ReadonlyMap<string, Method> {
  const systems: readonly Record<string, Method>[] = [umadbMethods, eventstoredbMethods, kubemqMethods];
  return new Map(systems.flatMap((methods) => Object.values(methods).map((method) => [method.path, method])));
}
