import { checkInteger } from "../core/arguments.js";
import {
  CreateReq, CreateReq_ConsumerStrategy, UpdateReq, type CreateReq_Settings, type CreateReq_AllOptions_FilterOptions, type SubscriptionInfo,
} from "../../gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions.js";
import type { StreamIdentifier } from "../../gen/static/event_store/client/shared.js";
import { flag, name, place, revision, wrong } from "./check.js";
import { toFilter } from "./convert.js";
import type { CreatePersistentOptions, PersistentConnection, PersistentSubscriptionInfo, PersistentSubscriptionSettings, UpdatePersistentOptions } from "./persistent-types.js";
import type { EventFilter } from "./types.js";

/** The name by which all streams together are the source of a group. */
export const ALL = "$all";

/** The names of the settings. */
export const SETTINGS: readonly (keyof PersistentSubscriptionSettings)[] = [
  "start", "resolveLinks", "extraStatistics", "messageTimeoutMs", "maxRetryCount", "checkpointAfterMs", "minCheckpointCount", "maxCheckpointCount",
  "maxSubscriberCount", "liveBufferSize", "readBatchSize", "historyBufferSize", "strategy",
];

const MAX_INT32 = 2 ** 31 - 1;

/** A stream's name as the wire has it. */
export function identifierOf(stream: string): StreamIdentifier {
  return { streamName: new TextEncoder().encode(stream) };
}

/** A stream, or all of them, as most requests name their source. */
export function sourceOf(source: string): { $case: "all"; value: object } | { $case: "streamIdentifier"; value: StreamIdentifier } {
  return source === ALL ? { $case: "all", value: {} } : { $case: "streamIdentifier", value: identifierOf(source) };
}

/** The encoded request that creates a group. */
export function createRequest(source: string, group: string, options: CreatePersistentOptions): Uint8Array {
  const filter = toFilter(options.filter, "options.filter");
  if (filter !== undefined && source !== ALL) throw wrong("options.filter", options.filter, 'must be left out but for "$all"');
  const settings = settingsOf(options);
  if (source === ALL) {
    const filterOption = filter === undefined ? { $case: "noFilter" as const, value: {} } : { $case: "filter" as const, value: filterOf(filter) };
    return CreateReq.encode({ options: { groupName: group, settings, streamOption: { $case: "all", value: { allOption: placeOf(options.start), filterOption } } } }).finish();
  }
  const streamOption = { $case: "stream" as const, value: { streamIdentifier: identifierOf(source), revisionOption: revisionOf(options.start) } };
  // The deprecated fields of servers before 21.10 say the same again.
  return CreateReq.encode({ options: { groupName: group, settings, streamOption, streamIdentifier: identifierOf(source) } }).finish();
}

/** The encoded request that changes a group. */
export function updateRequest(source: string, group: string, options: UpdatePersistentOptions): Uint8Array {
  const { consumerStrategy, ...settings } = settingsOf(options);
  if (CreateReq_ConsumerStrategy[consumerStrategy as "Pinned"] === undefined) throw wrong("options.strategy", options.strategy, 'must be "DispatchToSingle", "RoundRobin" or "Pinned": an update knows no others');
  if (source === ALL) return UpdateReq.encode({ options: { groupName: group, settings, streamOption: { $case: "all", value: { allOption: placeOf(options.start) } } } }).finish();
  const streamOption = { $case: "stream" as const, value: { streamIdentifier: identifierOf(source), revisionOption: revisionOf(options.start) } };
  return UpdateReq.encode({ options: { groupName: group, settings, streamOption, streamIdentifier: identifierOf(source) } }).finish();
}

/** All settings: the server fills in none. */
function settingsOf(options: PersistentSubscriptionSettings): CreateReq_Settings {
  const number = (key: keyof PersistentSubscriptionSettings, otherwise: number, min = 0): number =>
    checkInteger(`options.${key}`, options[key] ?? otherwise, min, MAX_INT32, "eventstoredb");
  const consumerStrategy = name(options.strategy ?? "RoundRobin", "options.strategy");
  const known = CreateReq_ConsumerStrategy[consumerStrategy as "Pinned"] as CreateReq_ConsumerStrategy | undefined;
  return {
    resolveLinks: flag(options.resolveLinks, "options.resolveLinks"),
    extraStatistics: flag(options.extraStatistics, "options.extraStatistics"),
    revision: typeof options.start === "bigint" ? options.start : 0n,
    maxRetryCount: number("maxRetryCount", 10, -(2 ** 31)),
    minCheckpointCount: number("minCheckpointCount", 10),
    maxCheckpointCount: number("maxCheckpointCount", 1_000),
    maxSubscriberCount: number("maxSubscriberCount", 0),
    liveBufferSize: number("liveBufferSize", 500),
    readBatchSize: number("readBatchSize", 20),
    historyBufferSize: number("historyBufferSize", 500),
    messageTimeout: { $case: "messageTimeoutMs", value: number("messageTimeoutMs", 30_000) },
    checkpointAfter: { $case: "checkpointAfterMs", value: number("checkpointAfterMs", 2_000) },
    namedConsumerStrategy: known ?? CreateReq_ConsumerStrategy.DispatchToSingle,
    consumerStrategy,
  };
}

function revisionOf(start: PersistentSubscriptionSettings["start"] = "end") {
  const from = revision(start, "options.start", ["start", "end"]);
  return typeof from === "bigint" ? { $case: "revision" as const, value: from } : { $case: from, value: {} };
}

function placeOf(start: PersistentSubscriptionSettings["start"] = "end") {
  const from = place(start, "options.start", ["start", "end"]);
  return typeof from === "string" ? { $case: from, value: {} } : { $case: "position" as const, value: { commitPosition: from.commit, preparePosition: from.prepare } };
}

function filterOf({ by, regex = "", prefixes = [] }: EventFilter): CreateReq_AllOptions_FilterOptions {
  const expression = { regex, prefix: [...prefixes] };
  return {
    filter: by === "stream" ? { $case: "streamIdentifier", value: expression } : { $case: "eventType", value: expression },
    window: { $case: "count", value: {} }, checkpointIntervalMultiplier: 1,
  };
}

/** What the server says of a group. */
export function fromWireInfo(info: SubscriptionInfo): PersistentSubscriptionInfo {
  return {
    source: info.eventSource,
    group: info.groupName,
    status: info.status.split(",").map((each) => each.trim()).filter((each) => each !== ""),
    connections: info.connections.map(({ observedMeasurements, ...connection }): PersistentConnection => ({ ...connection, measurements: new Map(observedMeasurements.map(({ key, value }) => [key, value])) })),
    settings: {
      resolveLinks: info.resolveLinkTos, extraStatistics: info.extraStatistics, messageTimeoutMs: info.messageTimeoutMilliseconds, maxRetryCount: info.maxRetryCount,
      checkpointAfterMs: info.checkPointAfterMilliseconds, minCheckpointCount: info.minCheckPointCount, maxCheckpointCount: info.maxCheckPointCount,
      maxSubscriberCount: info.maxSubscriberCount, liveBufferSize: info.liveBufferSize, readBatchSize: info.readBatchSize, historyBufferSize: info.bufferSize,
      strategy: info.namedConsumerStrategy,
    },
    startFrom: info.startFrom,
    lastCheckpointedEventPosition: info.lastCheckpointedEventPosition,
    lastKnownEventPosition: info.lastKnownEventPosition,
    averagePerSecond: info.averagePerSecond,
    totalItems: info.totalItems,
    countSinceLastMeasurement: info.countSinceLastMeasurement,
    readBufferCount: info.readBufferCount,
    liveBufferCount: info.liveBufferCount,
    retryBufferCount: info.retryBufferCount,
    totalInFlightMessages: info.totalInFlightMessages,
    outstandingMessagesCount: info.outstandingMessagesCount,
    parkedMessageCount: info.parkedMessageCount,
  };
}
