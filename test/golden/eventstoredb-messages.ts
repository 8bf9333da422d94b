import * as persistent from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import { SupportedMethods } from "millrace/internal/gen/static/event_store/client/server_features/server_features";
import { ClusterInfo } from "millrace/internal/gen/static/event_store/client/gossip/gossip";
import * as streams from "millrace/internal/gen/static/event_store/client/streams/streams";
import * as users from "millrace/internal/gen/static/event_store/client/users/users";

interface Codec {
  decode(bytes: Uint8Array): object;
}

const STREAMS = "/event_store.client.streams.Streams/";
const GROUPS = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/";
const USERS = "/event_store.client.users.Users/";

/** What answers decode with, by path. */
export const ANSWERS: Readonly<Record<string, Codec>> = {
  [`${STREAMS}Read`]: streams.ReadResp,
  [`${STREAMS}Append`]: streams.AppendResp,
  [`${STREAMS}BatchAppend`]: streams.BatchAppendResp,
  [`${STREAMS}Delete`]: streams.DeleteResp,
  [`${STREAMS}Tombstone`]: streams.TombstoneResp,
  [`${GROUPS}Create`]: persistent.CreateResp,
  [`${GROUPS}Update`]: persistent.UpdateResp,
  [`${GROUPS}Delete`]: persistent.DeleteResp,
  [`${GROUPS}Read`]: persistent.ReadResp,
  [`${GROUPS}GetInfo`]: persistent.GetInfoResp,
  [`${GROUPS}List`]: persistent.ListResp,
  [`${GROUPS}ReplayParked`]: persistent.ReplayParkedResp,
  [`${GROUPS}RestartSubsystem`]: persistent.CreateResp,
  [`${USERS}Create`]: users.CreateResp,
  [`${USERS}Update`]: users.UpdateResp,
  [`${USERS}Delete`]: users.DeleteResp,
  [`${USERS}Enable`]: users.EnableResp,
  [`${USERS}Disable`]: users.DisableResp,
  [`${USERS}ChangePassword`]: users.ChangePasswordResp,
  [`${USERS}ResetPassword`]: users.ResetPasswordResp,
  [`${USERS}Details`]: users.DetailsResp,
  "/event_store.client.gossip.Gossip/Read": ClusterInfo,
  "/event_store.client.server_features.ServerFeatures/GetSupportedMethods": SupportedMethods,
};

/** What only the machine decides: statistics, and how far a server has read ahead. */
const STATISTICS = new Set([
  "averagePerSecond", "averageItemsPerSecond", "countSinceLastMeasurement", "observedMeasurements", "readBufferCount", "liveBufferCount",
  "totalItems", "retryBufferCount", "port", "instanceId", "timeStamp",
]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_U64 = 2n ** 64n - 1n;

/** Recorded positions of the log, and ids that the server made, with ours for the same record. */
export interface Known {
  readonly positions: Map<bigint, bigint>;
  readonly ids: Map<string, string>;
}

/**
 * A message as it is compared: without what differs from run to run, which are positions in the log, times and ids that
 * a server makes. An absent position and one at an end stay apart from all others.
 */
export function comparable(value: unknown, name = ""): unknown {
  if (value instanceof Uint8Array) return comparableText(new TextDecoder("latin1").decode(value));
  if (value instanceof Map) return Object.fromEntries([...value].filter(([key]) => key !== "created").map(([key, one]) => [key, comparable(one)]));
  if (Array.isArray(value) && name === "subscriptions") return [...value as persistent.SubscriptionInfo[]].sort(byGroup).map((one) => comparable(one));
  if (Array.isArray(value)) return value.map((one) => comparable(one));
  if (typeof value === "bigint" && /position$/i.test(name)) return value === 0n || value === MAX_U64 ? value : "a position";
  if (name === "ticksSinceEpoch") return "a time";
  if (typeof value === "string") return UUID.test(value) && !value.startsWith("0000000") ? "an id" : comparableText(value);
  if (typeof value !== "object" || value === null) return value;
  if ("eventStoreServerVersion" in value) return comparableFeatures(value as SupportedMethods);
  const inner = (key: string): string => (key === "value" ? ((value as { $case?: string }).$case ?? key) : key);
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => one !== undefined && !STATISTICS.has(key)).map(([key, one]) => [key, comparable(one, inner(key))]));
}

/** Groups are listed in no order. */
function byGroup(a: persistent.SubscriptionInfo, b: persistent.SubscriptionInfo): number {
  return `${a.eventSource}::${a.groupName}` < `${b.eventSource}::${b.groupName}` ? -1 : 1;
}

/** Methods of the services that are embedded: others are not there, so they are not listed. */
function comparableFeatures({ eventStoreServerVersion, methods }: SupportedMethods): object {
  const rows = methods
    .filter(({ serviceName }) => /\.(streams|persistentsubscriptions|users|gossip|serverfeatures)$/.test(serviceName))
    .map(({ features, methodName, serviceName }) => `${serviceName}/${methodName} ${features.join(",")}`);
  return { eventStoreServerVersion, methods: rows.sort() };
}

function comparableText(text: string): string {
  return text.replace(/C:\d+\/P:\d+/g, "C:n/P:n").replace(/"added": "[^"]+"/, '"added": "…"');
}

/** Learns from an answer and ours which positions and ids mean the same. */
export function learn(theirs: unknown, ours: unknown, known: Known, name = ""): void {
  if (typeof theirs === "bigint" && typeof ours === "bigint") {
    if (/position$/i.test(name)) known.positions.set(theirs, ours);
  } else if (typeof theirs === "string" && typeof ours === "string") {
    if (name === "string" && theirs !== ours) known.ids.set(theirs, ours);
  } else if (typeof theirs === "object" && typeof ours === "object" && theirs !== null && ours !== null && !(theirs instanceof Uint8Array)) {
    for (const key of Object.keys(theirs)) {
      const inner = key === "value" ? ((theirs as { $case?: string }).$case ?? key) : key;
      learn((theirs as Record<string, unknown>)[key], (ours as Record<string, unknown>)[key], known, inner);
    }
  }
}

/** A position that a request named, as one of ours: what is no record's stays as far from one. */
function translated(position: bigint, { positions }: Known): bigint {
  if (position >= 2n ** 62n || position === 0n) return position;
  let base = 0n;
  for (const known of positions.keys()) if (known <= position && known > base) base = known;
  return (positions.get(base) ?? 0n) + position - base;
}

/** A request with our positions and ids in it. */
export function translatedRequest(path: string, payload: Uint8Array, known: Known): Uint8Array {
  if (path === `${GROUPS}Read`) return translatedSettling(payload, known);
  if (path !== `${STREAMS}Read`) return payload;
  const request = streams.ReadReq.decode(payload);
  const all = request.options?.streamOption;
  if (all?.$case !== "all" || all.value.allOption?.$case !== "position") return payload;
  const place = all.value.allOption.value;
  place.commitPosition = translated(place.commitPosition, known);
  if (place.preparePosition !== 0n) place.preparePosition = translated(place.preparePosition, known);
  return streams.ReadReq.encode(request).finish();
}

function translatedSettling(payload: Uint8Array, { ids }: Known): Uint8Array {
  const request = persistent.ReadReq.decode(payload);
  if (request.content === undefined || request.content.$case === "options") return payload;
  for (const { value } of request.content.value.ids) {
    if (value?.$case === "string") value.value = ids.get(value.value) ?? value.value;
  }
  return persistent.ReadReq.encode(request).finish();
}

/** Stands in for a request of which only the beginning was recorded: as large, and about the same stream. */
export function standIn(path: string, { bytes, head }: { bytes: number; head: string }): Uint8Array {
  const beginning = Buffer.from(head, "base64").toString("latin1");
  const [first = "", second = first] = [...beginning.matchAll(/0000000\d-[-0-9]{27}/g)].map(([id]) => id);
  const metadata = new Map([["type", "StandIn"], ["content-type", "application/octet-stream"]]);
  const event = (id: string): streams.AppendReq_ProposedMessage => ({
    id: { value: { $case: "string", value: id } }, metadata, data: new Uint8Array(bytes), customMetadata: new Uint8Array(0),
  });
  if (path === `${STREAMS}Append`) return streams.AppendReq.encode({ content: { $case: "proposedMessage", value: event(first) } }).finish();
  const streamName = new TextEncoder().encode(/\W.([-a-z0-9]+)"/s.exec(beginning)?.[1] ?? "");
  return streams.BatchAppendReq.encode({
    correlationId: { value: { $case: "string", value: first } },
    options: { streamIdentifier: { streamName }, expectedStreamPosition: { $case: "any", value: {} }, deadlineOption: undefined },
    proposedMessages: [event(second.length === 36 ? second : "00000002-0000-4000-8000-000000000021")],
    isFinal: true,
  }).finish();
}
