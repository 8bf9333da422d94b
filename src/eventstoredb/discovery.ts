import { invalidArgument } from "../core/arguments.js";
import { ClusterInfo, MemberInfo_VNodeState } from "../../gen/static/event_store/client/gossip/gossip.js";
import { decodeWhole } from "../protobuf/decode.js";
import { parseEndpoint, type NodeEndpoint } from "./endpoint.js";
import type { NodePreference } from "./node-preference.js";

/** A node as gossip describes it, if it can be called. */
export interface Member {
  readonly endpoint: NodeEndpoint;
  readonly role: "leader" | "follower" | "read-only";
}

const ROLES: ReadonlyMap<number, Member["role"]> = /* @__PURE__ */ new Map<number, Member["role"]>([
  [MemberInfo_VNodeState.Leader, "leader"],
  [MemberInfo_VNodeState.Follower, "follower"],
  [MemberInfo_VNodeState.ReadOnlyReplica, "read-only"],
  [MemberInfo_VNodeState.PreReadOnlyReplica, "read-only"],
  [MemberInfo_VNodeState.ReadOnlyLeaderless, "read-only"],
]);

/** How far redirects are followed before the cluster is asked anew. */
export const MAX_HOPS = 3;

/**
 * The nodes of an answer to `Gossip/Read` that are alive and can be called. What has no proper address is left out.
 *
 * @throws {Error} The bytes are no such answer.
 */
export function membersOf(answer: Uint8Array): Member[] {
  const members: Member[] = [];
  for (const { isAlive, state, httpEndPoint } of decodeWhole(ClusterInfo, answer).members) {
    const role = ROLES.get(state);
    const endpoint = httpEndPoint && parseEndpoint(httpEndPoint.address, httpEndPoint.port);
    if (isAlive && role !== undefined && endpoint !== undefined) members.push({ endpoint, role });
  }
  return members;
}

/**
 * The node to call: one of those that are preferred, at random, else any other that can be called.
 *
 * @param needsLeader No other node than the leader will do, whatever is preferred.
 * @param random From 0 to 1, 1 excluded.
 */
export function chooseMember(members: readonly Member[], preference: NodePreference, needsLeader: boolean, random: () => number): NodeEndpoint | undefined {
  const wanted = needsLeader ? "leader" : ROLE_OF[preference];
  const preferred = wanted === undefined ? members : members.filter(({ role }) => role === wanted);
  const from = preferred.length > 0 || needsLeader ? preferred : members;
  return from[Math.floor(random() * from.length)]?.endpoint;
}

const ROLE_OF: Readonly<Record<NodePreference, Member["role"] | undefined>> = {
  leader: "leader", follower: "follower", readOnlyReplica: "read-only", random: undefined,
};

/** What one node says of another, in the trailers with which it refuses a call that needs the leader. */
export function leaderIn(trailers: Readonly<Record<string, unknown>>): NodeEndpoint | "unknown" | undefined {
  if (trailers["exception"] !== "not-leader") return undefined;
  const { "leader-endpoint-host": host, "leader-endpoint-port": port } = trailers;
  return (typeof host === "string" && parseEndpoint(host, Number(port))) || "unknown";
}

/**
 * Makes the judge of nodes that others name: only hosts of the connection string, with any port, and `allowedNodes` are
 * followed, since whoever can answer for one node must not choose where calls go.
 *
 * @param allowedNodes Host names or addresses, each with a port or, for any port, without.
 * @throws {MillraceError} `invalid_argument`
 */
export function allowedBy(hosts: readonly NodeEndpoint[], allowedNodes: readonly string[]): (node: NodeEndpoint) => boolean {
  const allowed = new Set(hosts.map(({ host }) => host));
  for (const [at, node] of allowedNodes.entries()) {
    const parts = typeof node === "string" ? /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(node) : null;
    const endpoint = parts === null ? undefined : parseEndpoint(parts[1] as string, Number(parts[2] ?? 1));
    if (endpoint === undefined) throw invalidArgument(`allowedNodes[${at}]`, node, "must be host or host:port", "eventstoredb");
    allowed.add(parts?.[2] === undefined ? endpoint.host : keyOf(endpoint));
  }
  return (node) => allowed.has(node.host) || allowed.has(keyOf(node));
}

/** A node's address as one string. */
export function keyOf({ host, port }: NodeEndpoint): string {
  return `${host}:${port}`;
}
