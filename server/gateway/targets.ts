import { Upstream } from "millrace/internal/carrier/http2/upstream";
import { umadbMethods } from "millrace/internal/wire/methods";
import type { Target } from "./call.js";
import type { Limits } from "./limits.js";
import type { UpstreamSettings } from "./options.js";
import { Readiness } from "./readiness.js";
import { Appends } from "./umadb/append.js";
import { presentTrailers } from "./umadb/error-details.js";
import { within } from "./within.js";

/** The systems behind one gateway. */
export interface Targets {
  readonly byName: ReadonlyMap<string, Target>;
  /** Whether every system that can be asked says that it serves. */
  areServing(): Promise<boolean>;
  /** Closes the connections; appends that were sent get `drainMs` to end by themselves. */
  close(drainMs: number): Promise<void>;
}

/** Makes the upstreams; nothing is connected yet. */
export function openTargets(upstreams: ReadonlyMap<string, UpstreamSettings>, limits: Limits): Targets {
  const byName = new Map<string, Target>();
  let appends: Appends | undefined;
  let readiness: Readiness | undefined;
  for (const [name, settings] of upstreams) {
    const upstream = new Upstream({
      url: settings.url,
      ca: settings.ca,
      appendSessions: limits.conditionalAppends,
      watch: name === "kubemq" ? "none" : "ping",
    });
    const target = plain(upstream, settings);
    byName.set(name, target);
    if (name !== "umadb") continue;
    appends = new Appends(upstream, limits);
    readiness = new Readiness(upstream);
    byName.set(name, { ...target, handlers: new Map([[umadbMethods.append.path, appends.handler]]), cutsOnDrain: true, trailers: presentTrailers });
  }
  return {
    byName,
    areServing: () => readiness?.isServing() ?? Promise.resolve(true),
    async close(drainMs) {
      if (appends !== undefined) await within(drainMs, appends.idle());
      await Promise.all([...byName.values()].map(({ upstream }) => upstream.close()));
    },
  };
}

function plain(upstream: Upstream, { apiKey, credentials }: UpstreamSettings): Target {
  return {
    upstream,
    authorization: apiKey === undefined ? undefined : `Bearer ${apiKey}`,
    credentialsFromClient: credentials === "client",
    handlers: new Map(),
    cutsOnDrain: false,
    trailers: (trailers) => trailers,
  };
}
