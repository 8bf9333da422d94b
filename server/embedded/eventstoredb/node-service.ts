import { ClusterInfo } from "millrace/internal/gen/static/event_store/client/gossip/gossip";
import { SupportedMethods, type SupportedMethod } from "millrace/internal/gen/static/event_store/client/server_features/server_features";
import { MemberInfo_VNodeState } from "millrace/internal/gen/static/event_store/client/gossip/gossip";
import { uuidMessage } from "./messages.js";

/** The version that is played. */
export const SERVER_VERSION = "23.10.6";

const FEATURES: Readonly<Record<string, readonly string[]>> = {
  "event_store.client.streams.streams/read": ["position", "events"],
  "event_store.client.streams.streams/batchappend": ["deadline_duration"],
};
const PERSISTENT = "event_store.client.persistent_subscriptions.persistentsubscriptions";
const PERSISTENT_FEATURES = ["stream", "all"];

/** `ServerFeatures.GetSupportedMethods`: exactly what is there. */
export function supportedMethods(paths: Iterable<string>): Uint8Array {
  const methods: SupportedMethod[] = [];
  for (const path of paths) {
    const [, serviceName = "", methodName = ""] = path.toLowerCase().split("/");
    const features = FEATURES[`${serviceName}/${methodName}`] ?? (serviceName === PERSISTENT ? PERSISTENT_FEATURES : []);
    methods.push({ methodName, serviceName, features: [...features] });
  }
  return SupportedMethods.encode({ methods, eventStoreServerVersion: SERVER_VERSION }).finish();
}

/** Who the one member of the cluster is. */
export interface Member {
  readonly id: string;
  readonly startedMs: number;
  readonly address: string;
  readonly port: number;
}

/** `Gossip.Read`: one member, which leads. */
export function gossip({ id, startedMs, address, port }: Member): Uint8Array {
  return ClusterInfo.encode({
    members: [{
      instanceId: uuidMessage(id, true),
      timeStamp: BigInt(Math.trunc(startedMs)) * 10_000n,
      state: MemberInfo_VNodeState.Leader,
      isAlive: true,
      httpEndPoint: { address, port },
    }],
  }).finish();
}
