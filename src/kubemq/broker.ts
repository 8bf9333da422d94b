import type { RetryOptions } from "../core/options.js";
import type { ResumePolicy } from "../core/resume.js";
import type { Connection } from "../carrier/connection.js";
import { wrong } from "./check.js";

/** One broker as its client knows it: what all facets share. */
export interface Broker {
  readonly connection: Connection;
  /** Sent with everything. */
  readonly clientId: string;
  /** Whether messages tell their receivers the sender, in a tag. */
  readonly tagSender: boolean;
  /** As the client was given it: subscriptions have other defaults. */
  readonly retry: RetryOptions | false | undefined;
}

/** Where a client keeps its broker for the facets over it; the same in every copy of the library. */
export const brokerKey: unique symbol = /* @__PURE__ */ Symbol.for("millrace.kubemq.broker") as never;

/** What facets ask of a client. */
export interface HasBroker {
  /** For this library's own facets. */
  readonly [brokerKey]: Broker;
}

/**
 * The broker of a client, for a facet over it.
 *
 * @throws {MillraceError} `invalid_argument` for what is no `KubeMq`.
 */
export function brokerOf(client: HasBroker): Broker {
  const broker = (Object(client) as Partial<HasBroker>)[brokerKey];
  if (broker === undefined) throw wrong("client", client, "must be a KubeMq");
  return broker;
}

/** How a broker's subscriptions come back. */
export function policyOf({ retry = {} }: Broker): ResumePolicy {
  const { attempts, baseMs = 250, maxMs = 30_000 } = retry === false ? { attempts: 1 } : retry;
  return { attempts, baseMs, maxMs, steadyMs: 10_000 };
}
