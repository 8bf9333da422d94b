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
  /** Whether the server recognises a repeat of this very request, by ids in it: then it may be sent again although the first may have been applied. */
  readonly recognised?: boolean | undefined;
}

/** A method in a table; what is left out is what most have: one answer, lane `short`, cancel `delayed`. */
type Row = readonly [path: string, repeatable: boolean, kind?: MethodKind, lane?: Lane, cancel?: CancelRule];

/** A table of methods. Its calls are marked as pure, so that a bundler drops the tables that a page does not use. */
function methodsOf<Name extends string>(system: SystemName, rows: Readonly<Record<Name, Row>>): Readonly<Record<Name, Method>> {
  const methods = {} as Record<Name, Method>;
  for (const name in rows) {
    const [path, repeatable, kind = "unary", lane = "short", cancel = "delayed"] = rows[name];
    methods[name] = { path, system, kind, lane, cancel, repeatable };
  }
  return methods;
}

/** UmaDB's methods, and the health service that only UmaDB is asked for. */
export const umadbMethods = /* @__PURE__ */ methodsOf("umadb", {
  read: ["/umadb.v1.DCB/Read", true, "server"],
  subscribe: ["/umadb.v1.DCB/Subscribe", true, "server", "live"],
  append: ["/umadb.v1.DCB/Append", false, "unary", "append", "never"],
  head: ["/umadb.v1.DCB/Head", true],
  trackingInfo: ["/umadb.v1.DCB/GetTrackingInfo", true],
  healthCheck: ["/grpc.health.v1.Health/Check", true],
  healthWatch: ["/grpc.health.v1.Health/Watch", true, "server", "live"],
});

/**
 * EventStoreDB's methods, of both protocols. Writes are never `repeatable` here: the server recognises a repeat by ids
 * that the writer gave, so only the writer knows.
 *
 * `read` is a read that ends or a subscription, as its request says; who makes the request asks for lane `live` for a
 * subscription.
 */
export const eventstoredbMethods = /* @__PURE__ */ methodsOf("eventstoredb", {
  read: ["/event_store.client.streams.Streams/Read", true, "server"],
  append: ["/event_store.client.streams.Streams/Append", false, "client"],
  delete: ["/event_store.client.streams.Streams/Delete", false],
  tombstone: ["/event_store.client.streams.Streams/Tombstone", false],
  batchAppend: ["/event_store.client.streams.Streams/BatchAppend", false, "bidi", "live"],

  persistentCreate: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create", false],
  persistentUpdate: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/Update", false],
  persistentDelete: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/Delete", false],
  persistentRead: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/Read", false, "bidi", "live"],
  persistentGetInfo: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/GetInfo", true],
  persistentReplayParked: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/ReplayParked", false],
  persistentTruncateParked: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/TruncateParked", false],
  persistentList: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/List", true],
  persistentRestartSubsystem: ["/event_store.client.persistent_subscriptions.PersistentSubscriptions/RestartSubsystem", false],

  projectionsCreate: ["/event_store.client.projections.Projections/Create", false],
  projectionsUpdate: ["/event_store.client.projections.Projections/Update", false],
  projectionsDelete: ["/event_store.client.projections.Projections/Delete", false],
  projectionsStatistics: ["/event_store.client.projections.Projections/Statistics", true, "server"],
  projectionsDisable: ["/event_store.client.projections.Projections/Disable", false],
  projectionsEnable: ["/event_store.client.projections.Projections/Enable", false],
  projectionsReset: ["/event_store.client.projections.Projections/Reset", false],
  projectionsState: ["/event_store.client.projections.Projections/State", true],
  projectionsResult: ["/event_store.client.projections.Projections/Result", true],
  projectionsRestartSubsystem: ["/event_store.client.projections.Projections/RestartSubsystem", false],

  operationsStartScavenge: ["/event_store.client.operations.Operations/StartScavenge", false],
  operationsStopScavenge: ["/event_store.client.operations.Operations/StopScavenge", false],
  operationsShutdown: ["/event_store.client.operations.Operations/Shutdown", false],
  operationsMergeIndexes: ["/event_store.client.operations.Operations/MergeIndexes", false],
  operationsResignNode: ["/event_store.client.operations.Operations/ResignNode", false],
  operationsSetNodePriority: ["/event_store.client.operations.Operations/SetNodePriority", false],
  operationsRestartPersistentSubscriptions: ["/event_store.client.operations.Operations/RestartPersistentSubscriptions", false],

  usersCreate: ["/event_store.client.users.Users/Create", false],
  usersUpdate: ["/event_store.client.users.Users/Update", false],
  usersDelete: ["/event_store.client.users.Users/Delete", false],
  usersDisable: ["/event_store.client.users.Users/Disable", false],
  usersEnable: ["/event_store.client.users.Users/Enable", false],
  usersDetails: ["/event_store.client.users.Users/Details", true, "server"],
  usersChangePassword: ["/event_store.client.users.Users/ChangePassword", false],
  usersResetPassword: ["/event_store.client.users.Users/ResetPassword", false],

  gossip: ["/event_store.client.gossip.Gossip/Read", true],

  stats: ["/event_store.client.monitoring.Monitoring/Stats", true, "server", "live"],

  supportedMethods: ["/event_store.client.server_features.ServerFeatures/GetSupportedMethods", true],

  appendSession: ["/kurrentdb.protocol.v2.streams.StreamsService/AppendSession", false, "client"],
  appendRecords: ["/kurrentdb.protocol.v2.streams.StreamsService/AppendRecords", false],

  indexesCreate: ["/kurrentdb.protocol.v2.indexes.IndexesService/Create", false],
  indexesStart: ["/kurrentdb.protocol.v2.indexes.IndexesService/Start", false],
  indexesStop: ["/kurrentdb.protocol.v2.indexes.IndexesService/Stop", false],
  indexesDelete: ["/kurrentdb.protocol.v2.indexes.IndexesService/Delete", false],
  indexesList: ["/kurrentdb.protocol.v2.indexes.IndexesService/List", true],
  indexesGet: ["/kurrentdb.protocol.v2.indexes.IndexesService/Get", true],
});

/**
 * KubeMQ's methods. A subscription is not `repeatable`: the broker counts a stored event as delivered, and a request as
 * taken, once it is on its way.
 *
 * `queuesUpstream` stays open when the caller is done sending. Who owns the call ends it when every request in it has
 * its answer, and not before: that can crash the broker.
 */
export const kubemqMethods = /* @__PURE__ */ methodsOf("kubemq", {
  sendEvent: ["/kubemq.kubemq/SendEvent", false],
  sendEventsStream: ["/kubemq.kubemq/SendEventsStream", false, "bidi", "live"],
  subscribeToEvents: ["/kubemq.kubemq/SubscribeToEvents", false, "server", "live"],
  subscribeToRequests: ["/kubemq.kubemq/SubscribeToRequests", false, "server", "live"],
  sendRequest: ["/kubemq.kubemq/SendRequest", false],
  sendResponse: ["/kubemq.kubemq/SendResponse", false],
  sendQueueMessage: ["/kubemq.kubemq/SendQueueMessage", false],
  sendQueueMessagesBatch: ["/kubemq.kubemq/SendQueueMessagesBatch", false],
  receiveQueueMessages: ["/kubemq.kubemq/ReceiveQueueMessages", false],
  streamQueueMessage: ["/kubemq.kubemq/StreamQueueMessage", false, "bidi", "live"],
  ackAllQueueMessages: ["/kubemq.kubemq/AckAllQueueMessages", false],
  ping: ["/kubemq.kubemq/Ping", true],
  queuesDownstream: ["/kubemq.kubemq/QueuesDownstream", false, "bidi", "live"],
  queuesUpstream: ["/kubemq.kubemq/QueuesUpstream", false, "bidi", "live", "never"],
  queuesInfo: ["/kubemq.kubemq/QueuesInfo", true],
});

/** Every method of every system, by its path. */
export function allMethods(): ReadonlyMap<string, Method> {
  const systems: readonly Record<string, Method>[] = [umadbMethods, eventstoredbMethods, kubemqMethods];
  return new Map(systems.flatMap((methods) => Object.values(methods).map((method) => [method.path, method])));
}
