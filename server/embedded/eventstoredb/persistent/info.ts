import type { SubscriptionInfo } from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import type { Group, GroupReader } from "./group.js";

/** What is told about a group. */
export function infoOf(group: Group): SubscriptionInfo {
  const { settings, source, start } = group;
  return {
    eventSource: source.name,
    groupName: group.name,
    status: "Live",
    connections: group.readers.map(connectionOf),
    averagePerSecond: 0,
    totalItems: group.totalItems,
    countSinceLastMeasurement: 0n,
    lastCheckpointedEventPosition: group.checkpoint,
    lastKnownEventPosition: group.lastKnown,
    resolveLinkTos: settings.resolveLinks,
    startFrom: source.text(start),
    messageTimeoutMilliseconds: settings.messageTimeoutMs,
    extraStatistics: settings.extraStatistics,
    maxRetryCount: settings.maxRetryCount,
    liveBufferSize: settings.liveBufferSize,
    bufferSize: settings.historyBufferSize,
    readBatchSize: settings.readBatchSize,
    checkPointAfterMilliseconds: settings.checkpointAfterMs,
    minCheckPointCount: settings.minCheckpointCount,
    maxCheckPointCount: settings.maxCheckpointCount,
    readBufferCount: group.bufferedCount,
    liveBufferCount: BigInt(group.bufferedCount),
    retryBufferCount: group.retryCount,
    totalInFlightMessages: group.inFlightCount,
    outstandingMessagesCount: group.inFlightCount,
    namedConsumerStrategy: settings.strategy,
    maxSubscriberCount: settings.maxSubscriberCount,
    parkedMessageCount: group.parkedCount,
  };
}

function connectionOf({ bufferSize, connectionName, inFlight, login, total }: GroupReader): SubscriptionInfo["connections"][number] {
  return {
    from: "",
    username: login,
    averageItemsPerSecond: 0,
    totalItems: total,
    countSinceLastMeasurement: 0n,
    observedMeasurements: [],
    availableSlots: bufferSize - inFlight.size,
    inFlightMessages: inFlight.size,
    connectionName,
  };
}
