import type { CallOptions } from "../core/options.js";
import type { ConnectionOptions } from "../carrier/connection.js";
import type { NewMessage, StartFrom } from "./types.js";

/** A token, or a function that is asked for each call, and once more with `refresh: true` after `unauthenticated`. */
export type AuthToken = string | ((context: { refresh: boolean }) => string | Promise<string>);

/** Options of `KubeMq`. */
export interface KubeMqOptions extends ConnectionOptions {
  /** Who this client says it is: not empty, no control characters. `millrace-` and a uuid by default. */
  clientId?: string | undefined;
  /**
   * The broker's token, without `Bearer`; none by default. With `url` it travels to the gateway as
   * `millrace-upstream-authorization` (a gateway drops it unless it was told to pass it on), with a carrier as
   * `authorization`.
   */
  authToken?: AuthToken | undefined;
  /** Whether events carry the sender's client id in the tag `x-kubemq-client-id`, as newer clients of KubeMQ do; false by default. */
  tagSender?: boolean | undefined;
}

/** Options of a subscription to events. Its `timeoutMs`, none by default, is the longest wait for the next one. */
export interface EventsSubscribeOptions extends CallOptions {
  /** Of each event one member of a group gets a copy; none by default. */
  group?: string | undefined;
  /** The most events that wait for their reader; 10 000 by default, and never more than 16 MiB. */
  maxWaiting?: number | undefined;
}

/** Options of a subscription to stored events. */
export interface EventsStoreSubscribeOptions extends EventsSubscribeOptions {
  /** `"new"` by default. */
  from?: StartFrom | undefined;
  /** The unit in which `from: { time }` is sent: nanoseconds by default, which the broker takes; some other servers take seconds. */
  timeUnit?: "ns" | "s" | undefined;
}

/** A command or a query. Its `timeoutMs` is how long the broker waits for the reply, 5 000 by default; we wait 2 000 longer. */
export interface NewRequest extends NewMessage, CallOptions {}

/** A query. */
export interface NewQuery extends NewRequest {
  /** Under which a broker that has a cache keeps the reply; none by default. */
  cacheKey?: string | undefined;
  /** How long it is kept, in seconds; needed with `cacheKey`. */
  cacheTtlSeconds?: number | undefined;
}

/** Options of a responder. */
export interface ServeOptions extends CallOptions {
  /** Of each request one member of a group gets it; without one every responder does, and the first reply counts. */
  group?: string | undefined;
  /** The most requests handled at once; 1, in order, by default. */
  concurrency?: number | undefined;
}
