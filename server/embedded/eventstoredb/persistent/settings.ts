import type { CreateReq_Settings, UpdateReq_Settings } from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";

/** How a group hands events out; what a request leaves out is 0, as in the real server. */
export interface GroupSettings {
  readonly resolveLinks: boolean;
  readonly extraStatistics: boolean;
  readonly messageTimeoutMs: number;
  readonly maxRetryCount: number;
  readonly checkpointAfterMs: number;
  readonly minCheckpointCount: number;
  readonly maxCheckpointCount: number;
  /** 0: any number. */
  readonly maxSubscriberCount: number;
  readonly liveBufferSize: number;
  readonly readBatchSize: number;
  readonly historyBufferSize: number;
  readonly strategy: Strategy;
}

/** How a group chooses who gets an event. */
export type Strategy = "DispatchToSingle" | "RoundRobin" | "Pinned" | "PinnedByCorrelation";

const STRATEGIES: readonly Strategy[] = ["DispatchToSingle", "RoundRobin", "Pinned", "PinnedByCorrelation"];
const TICKS_A_MS = 10_000n;

/** Why settings are refused, as the real server's `reason`. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/** Settings from a request. @throws {SettingsError} */
export function parseSettings(settings: CreateReq_Settings | UpdateReq_Settings | undefined): GroupSettings {
  const { messageTimeout, checkpointAfter } = settings ?? {};
  const parsed: GroupSettings = {
    resolveLinks: settings?.resolveLinks ?? false,
    extraStatistics: settings?.extraStatistics ?? false,
    messageTimeoutMs: messageTimeout === undefined ? 0 : messageTimeout.$case === "messageTimeoutMs" ? messageTimeout.value : Number(messageTimeout.value / TICKS_A_MS),
    maxRetryCount: settings?.maxRetryCount ?? 0,
    checkpointAfterMs: checkpointAfter === undefined ? 0 : checkpointAfter.$case === "checkpointAfterMs" ? checkpointAfter.value : Number(checkpointAfter.value / TICKS_A_MS),
    minCheckpointCount: settings?.minCheckpointCount ?? 0,
    maxCheckpointCount: settings?.maxCheckpointCount ?? 0,
    maxSubscriberCount: settings?.maxSubscriberCount ?? 0,
    liveBufferSize: settings?.liveBufferSize ?? 0,
    readBatchSize: settings?.readBatchSize ?? 0,
    historyBufferSize: settings?.historyBufferSize ?? 0,
    strategy: strategyOf(settings),
  };
  if (parsed.readBatchSize >= parsed.historyBufferSize) {
    throw new SettingsError("Specified argument was out of the range of valid values. (Parameter 'ReadBatchSize may not be greater than or equal to BufferSize')");
  }
  return parsed;
}

function strategyOf(settings: CreateReq_Settings | UpdateReq_Settings | undefined): Strategy {
  const named = settings !== undefined && "consumerStrategy" in settings ? settings.consumerStrategy : "";
  if (named === "") return STRATEGIES[settings?.namedConsumerStrategy ?? 0] ?? "DispatchToSingle";
  const strategy = STRATEGIES.find((one) => one === named);
  if (strategy === undefined) throw new SettingsError(`Consumer strategy ${named} does not exist.`);
  return strategy;
}
