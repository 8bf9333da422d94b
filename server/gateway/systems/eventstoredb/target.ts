import type { Upstream } from "millrace/internal/carrier/http2/upstream";
import { ClusterInfo } from "millrace/internal/gen/static/event_store/client/gossip/gossip";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import type { EventStoreDbSettings } from "../../options.js";
import { Readiness } from "../readiness.js";
import { plainTarget, type Target } from "../target.js";
import { BatchAppend, type BatchAppendRules } from "./batch-append.js";
import { openCluster } from "./connection.js";
import { refusalOfSilence } from "./refusals.js";

/** EventStoreDB: the node that can answer is found, and calls that a server would never answer or end are. */
export function eventStoreDbTarget(settings: EventStoreDbSettings, rules: BatchAppendRules = {}): Target {
  const cluster = openCluster(settings);
  const upstream: Pick<Upstream, "open"> & { close(): Promise<void> } = {
    open: (request, events) => (request.path === eventstoredbMethods.batchAppend.path ? new BatchAppend(cluster, request, events, rules) : cluster.open(request, events)),
    close: () => cluster.close(),
  };
  const plain = plainTarget(upstream, settings);
  const readiness = new Readiness(cluster, {
    method: eventstoredbMethods.gossip,
    saysServing: (payload) => ClusterInfo.decode(payload).members.some(({ isAlive }) => isAlive),
  });
  return {
    ...plain,
    authorization: plain.authorization ?? cluster.authorization,
    check: (path, message) => refusalOfSilence(path, message, cluster.connection.tls),
    isServing: () => readiness.isServing(),
  };
}
