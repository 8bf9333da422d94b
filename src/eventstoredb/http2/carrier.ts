import { checkInteger } from "../../core/arguments.js";
import { CARRIER_DEFAULTS, type Carrier } from "../../carrier/types.js";
import { CarriedCall } from "../../carrier/http2/carried-call.js";
import { Cluster, type ClusterOptions } from "./cluster.js";

/** What an {@link eventStoreDbCarrier} is told beside its connection string. */
export interface EventStoreDbCarrierOptions extends Pick<ClusterOptions, "ca" | "allowedNodes"> {
  /** The largest message accepted, in bytes; 16 MiB (16 777 216) by default. */
  maxMessageBytes?: number | undefined;
}

/**
 * Makes calls as native gRPC over HTTP/2, straight to the nodes that a connection string names:
 * `esdb://user:password@a:2113,b:2113`. Needs Node's `http2`. Finds the node to call by gossip, follows the leader, and
 * goes on with another node when one is gone.
 *
 * User and password of the string are sent over TLS only, with each call that has no `authorization` of its own. Of the
 * string's parameters, `defaultDeadline` becomes the deadline of calls with one answer that have none.
 *
 * @throws {MillraceError} `invalid_argument` for a string or options that are wrong; nothing is connected.
 */
export function eventStoreDbCarrier(connectionString: string, options: EventStoreDbCarrierOptions = {}): Carrier {
  const { maxMessageBytes = CARRIER_DEFAULTS.maxMessageBytes, ...rest } = options;
  checkInteger("maxMessageBytes", maxMessageBytes, 1, 0xffff_ffff, "eventstoredb");
  const cluster = new Cluster(connectionString, rest);
  const { authorization, connection: { defaultDeadlineMs } } = cluster;
  const settings = { headers: new Headers(authorization === undefined ? {} : { authorization }), maxMessageBytes };
  return {
    call: (call) => new CarriedCall(cluster, settings, call.kind === "unary" ? { ...call, timeoutMs: call.timeoutMs ?? defaultDeadlineMs } : call).response,
    close: () => cluster.close(),
  };
}
