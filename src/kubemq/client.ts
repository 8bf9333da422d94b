import { asyncDispose } from "../core/dispose.js";
import type { CallOptions, HeadersOption } from "../core/options.js";
import { randomUuid } from "../core/uuid.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openConnection } from "../carrier/connection.js";
import { kubemqMethods } from "../wire/methods.js";
import { PingResult } from "../../gen/static/kubemq/kubemq.js";
import { ask } from "./ask.js";
import { brokerKey, type Broker, type HasBroker } from "./broker.js";
import { flag, name, wrong } from "./check.js";
import { toKubeMqError } from "./errors.js";
import type { AuthToken, KubeMqOptions } from "./options.js";
import type { Ping } from "./types.js";

/**
 * A client of one KubeMQ broker; the patterns are facets over it: `events(k)`, `eventsStore(k)`, `commands(k)`,
 * `queries(k)`, `queues(k)`. It holds no connection of its own until it is used, and two clients share nothing.
 *
 * All methods check their arguments before anything is sent (`invalid_argument`). A caller's abort surfaces as the
 * reason of its signal, all else as a `MillraceError`.
 */
export class KubeMq implements HasBroker {
  /** For this library's own facets. */
  readonly [brokerKey]: Broker;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: KubeMqOptions) {
    const { clientId, authToken, tagSender, ...given } = Object(options) as KubeMqOptions;
    const checked = openConnection("kubemq", options, { toError: toKubeMqError, optionNames: ["clientId", "authToken", "tagSender"] });
    const headers = authToken === undefined ? checked.headers : withToken(given.headers, authToken, given.carrier === undefined);
    this[brokerKey] = {
      connection: { ...checked, headers },
      clientId: clientId === undefined ? `millrace-${randomUuid()}` : name(clientId, "clientId"),
      tagSender: flag(tagSender, "tagSender", false),
      retry: given.retry,
    };
  }

  /** Who this client says it is. */
  get clientId(): string {
    return this[brokerKey].clientId;
  }

  /** Asks the broker who it is; needs no token there. Repeated as `retry` says. */
  async ping(options: CallOptions = {}): Promise<Ping> {
    checkCallOptions(options, "kubemq");
    const { Host, Version, ServerStartTime, ServerUpTimeSeconds } = await ask(this[brokerKey], kubemqMethods.ping, new Uint8Array(0), PingResult, options);
    return { host: Host, version: Version, startedAt: new Date(Number(ServerStartTime) * 1_000), upTimeSeconds: Number(ServerUpTimeSeconds) };
  }

  /** Ends all calls and subscriptions with `unavailable`. A carrier that was given stays its maker's. Idempotent. */
  close(): Promise<void> {
    return this[brokerKey].connection.close();
  }

  /** As {@link KubeMq.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Headers with the broker's token, under the name by which it gets there. */
function withToken(headers: HeadersOption | undefined, token: AuthToken, throughGateway: boolean): HeadersOption {
  if (typeof token !== "function" && (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token))) {
    throw wrong("authToken", token, "must be a string without spaces, or a function that gives one");
  }
  return async (context) => {
    const all = new Headers(typeof headers === "function" ? await headers(context) : headers);
    all.set(throughGateway ? "millrace-upstream-authorization" : "authorization", typeof token === "function" ? await token(context) : token);
    return all;
  };
}
