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

const DCB = "/umadb.v1.DCB/";
const HEALTH = "/grpc.health.v1.Health/";
const STREAMS = "/event_store.client.streams.Streams/";
const PERSISTENT = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/";
const PROJECTIONS = "/event_store.client.projections.Projections/";
const OPERATIONS = "/event_store.client.operations.Operations/";
const USERS = "/event_store.client.users.Users/";
const GOSSIP = "/event_store.client.gossip.Gossip/";
const MONITORING = "/event_store.client.monitoring.Monitoring/";
const FEATURES = "/event_store.client.server_features.ServerFeatures/";
const STREAMS_V2 = "/kurrentdb.protocol.v2.streams.StreamsService/";
const INDEXES = "/kurrentdb.protocol.v2.indexes.IndexesService/";
const KUBEMQ = "/kubemq.kubemq/";

/** UmaDB's methods, and the health service that only UmaDB is asked for. */
export const umadbMethods = {
  read: { path: `${DCB}Read`, system: "umadb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  subscribe: { path: `${DCB}Subscribe`, system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  append: { path: `${DCB}Append`, system: "umadb", kind: "unary", lane: "append", cancel: "never", repeatable: false },
  head: { path: `${DCB}Head`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  trackingInfo: { path: `${DCB}GetTrackingInfo`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthCheck: { path: `${HEALTH}Check`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthWatch: { path: `${HEALTH}Watch`, system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/**
 * EventStoreDB's methods, of both protocols. Writes are never `repeatable` here: the server recognises a repeat by ids
 * that the writer gave, so only the writer knows.
 *
 * `read` is a read that ends or a subscription, as its request says; who makes the request asks for lane `live` for a
 * subscription.
 */
export const eventstoredbMethods = {
  read: { path: `${STREAMS}Read`, system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  append: { path: `${STREAMS}Append`, system: "eventstoredb", kind: "client", lane: "short", cancel: "delayed", repeatable: false },
  delete: { path: `${STREAMS}Delete`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  tombstone: { path: `${STREAMS}Tombstone`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  batchAppend: { path: `${STREAMS}BatchAppend`, system: "eventstoredb", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },

  persistentCreate: { path: `${PERSISTENT}Create`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentUpdate: { path: `${PERSISTENT}Update`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentDelete: { path: `${PERSISTENT}Delete`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentRead: { path: `${PERSISTENT}Read`, system: "eventstoredb", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  persistentGetInfo: { path: `${PERSISTENT}GetInfo`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  persistentReplayParked: { path: `${PERSISTENT}ReplayParked`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentTruncateParked: { path: `${PERSISTENT}TruncateParked`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  persistentList: { path: `${PERSISTENT}List`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  persistentRestartSubsystem: { path: `${PERSISTENT}RestartSubsystem`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  projectionsCreate: { path: `${PROJECTIONS}Create`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsUpdate: { path: `${PROJECTIONS}Update`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsDelete: { path: `${PROJECTIONS}Delete`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsStatistics: { path: `${PROJECTIONS}Statistics`, system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  projectionsDisable: { path: `${PROJECTIONS}Disable`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsEnable: { path: `${PROJECTIONS}Enable`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsReset: { path: `${PROJECTIONS}Reset`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  projectionsState: { path: `${PROJECTIONS}State`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  projectionsResult: { path: `${PROJECTIONS}Result`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  projectionsRestartSubsystem: { path: `${PROJECTIONS}RestartSubsystem`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  operationsStartScavenge: { path: `${OPERATIONS}StartScavenge`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsStopScavenge: { path: `${OPERATIONS}StopScavenge`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsShutdown: { path: `${OPERATIONS}Shutdown`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsMergeIndexes: { path: `${OPERATIONS}MergeIndexes`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsResignNode: { path: `${OPERATIONS}ResignNode`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsSetNodePriority: { path: `${OPERATIONS}SetNodePriority`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  operationsRestartPersistentSubscriptions: { path: `${OPERATIONS}RestartPersistentSubscriptions`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  usersCreate: { path: `${USERS}Create`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersUpdate: { path: `${USERS}Update`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDelete: { path: `${USERS}Delete`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDisable: { path: `${USERS}Disable`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersEnable: { path: `${USERS}Enable`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersDetails: { path: `${USERS}Details`, system: "eventstoredb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  usersChangePassword: { path: `${USERS}ChangePassword`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  usersResetPassword: { path: `${USERS}ResetPassword`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  gossip: { path: `${GOSSIP}Read`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },

  stats: { path: `${MONITORING}Stats`, system: "eventstoredb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },

  supportedMethods: { path: `${FEATURES}GetSupportedMethods`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },

  appendSession: { path: `${STREAMS_V2}AppendSession`, system: "eventstoredb", kind: "client", lane: "short", cancel: "delayed", repeatable: false },
  appendRecords: { path: `${STREAMS_V2}AppendRecords`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },

  indexesCreate: { path: `${INDEXES}Create`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesStart: { path: `${INDEXES}Start`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesStop: { path: `${INDEXES}Stop`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesDelete: { path: `${INDEXES}Delete`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  indexesList: { path: `${INDEXES}List`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  indexesGet: { path: `${INDEXES}Get`, system: "eventstoredb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/**
 * KubeMQ's methods. A subscription is not `repeatable`: the broker counts a stored event as delivered, and a request as
 * taken, once it is on its way.
 *
 * `queuesUpstream` stays open when the caller is done sending. Who owns the call ends it when every request in it has
 * its answer, and not before: that can crash the broker.
 */
export const kubemqMethods = {
  sendEvent: { path: `${KUBEMQ}SendEvent`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendEventsStream: { path: `${KUBEMQ}SendEventsStream`, system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  subscribeToEvents: { path: `${KUBEMQ}SubscribeToEvents`, system: "kubemq", kind: "server", lane: "live", cancel: "delayed", repeatable: false },
  subscribeToRequests: { path: `${KUBEMQ}SubscribeToRequests`, system: "kubemq", kind: "server", lane: "live", cancel: "delayed", repeatable: false },
  sendRequest: { path: `${KUBEMQ}SendRequest`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendResponse: { path: `${KUBEMQ}SendResponse`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendQueueMessage: { path: `${KUBEMQ}SendQueueMessage`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  sendQueueMessagesBatch: { path: `${KUBEMQ}SendQueueMessagesBatch`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  receiveQueueMessages: { path: `${KUBEMQ}ReceiveQueueMessages`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  streamQueueMessage: { path: `${KUBEMQ}StreamQueueMessage`, system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  ackAllQueueMessages: { path: `${KUBEMQ}AckAllQueueMessages`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: false },
  ping: { path: `${KUBEMQ}Ping`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  queuesDownstream: { path: `${KUBEMQ}QueuesDownstream`, system: "kubemq", kind: "bidi", lane: "live", cancel: "delayed", repeatable: false },
  queuesUpstream: { path: `${KUBEMQ}QueuesUpstream`, system: "kubemq", kind: "bidi", lane: "live", cancel: "never", repeatable: false },
  queuesInfo: { path: `${KUBEMQ}QueuesInfo`, system: "kubemq", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;

/** Every method of every system, by its path. */
export function allMethods(): ReadonlyMap<string, Method> {
  const systems: readonly Record<string, Method>[] = [umadbMethods, eventstoredbMethods, kubemqMethods];
  return new Map(systems.flatMap((methods) => Object.values(methods).map((method) => [method.path, method])));
}
