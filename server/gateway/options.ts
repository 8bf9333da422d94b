import { resolveLimits, type Limits } from "./limits.js";
import type { GatewayLog } from "./log.js";
import { checkExtraUpstream, checkGatewayOptions, checkHost, checkOrigin, checkUpstream } from "./option-checks.js";
import type { Pages } from "./pages.js";
import { checkMessageDbSettings, type MessageDbSettings } from "./messagedb/settings.js";
import { allowEverything, denyEverything, type Policy } from "./policy.js";
import type { GatewayMethod } from "./routes.js";

/** How the gateway reaches one system. */
export interface UpstreamSettings {
  /** `http://HOST:PORT` or `https://HOST:PORT` (also `grpc:`, `grpcs:`). */
  url: string;
  /** Certificate authorities to trust (PEM) instead of the system's. */
  ca?: string | undefined;
  /** Sent with every call as `authorization: Bearer …`. Refused over plain HTTP unless `allowInsecureApiKey`. */
  apiKey?: string | undefined;
  /** Allows `apiKey` on a connection without TLS, where everybody on the way can read it; false by default. */
  allowInsecureApiKey?: boolean | undefined;
  /**
   * Whose credentials the system sees. `gateway`, the default: `apiKey` only. `client`: a caller's
   * `millrace-upstream-authorization` where there is one.
   */
  credentials?: "gateway" | "client" | undefined;
}

/** How the gateway reaches EventStoreDB. */
export interface EventStoreDbSettings extends UpstreamSettings {
  /**
   * A connection string, `esdb://USER:PASSWORD@HOST:PORT,…?tls=false`, also with `kurrentdb` and with `+discover`; user
   * and password go with every call that brings none, over TLS only. Or the `http` or `https` URL of one node.
   */
  url: string;
  /**
   * Nodes that gossip and redirects may lead to beside the hosts of `url` and, over TLS, those that the nodes'
   * certificates name: `host` for any port, or `host:port`; none by default.
   */
  allowedNodes?: readonly string[] | undefined;
}

/** A system outside the method table, for tests and embedders. */
export interface ExtraUpstream extends UpstreamSettings {
  /** Its methods; their `system` is this entry's name. */
  methods: readonly Omit<GatewayMethod, "system">[];
}

/** What a gateway serves, to whom, and within which limits. */
export interface GatewayOptions {
  /** The systems behind it, at most one of each kind. */
  upstreams: {
    umadb?: UpstreamSettings | undefined;
    eventstoredb?: EventStoreDbSettings | undefined;
    kubemq?: UpstreamSettings | undefined;
    messagedb?: MessageDbSettings | undefined;
  };
  /** Origins of the pages that may use it, such as `https://app.example`; none by default. `null` is never allowed. */
  origins?: readonly string[] | undefined;
  /**
   * Hosts it is reached by, such as `gw.example` (any port) or `gw.example:8443`. Requests for other hosts are refused.
   * Needed unless `allowAll`, which adds those of this machine.
   */
  hosts?: readonly string[] | undefined;
  /** Judges every request message. Without it, and without `allowAll`, every call is refused. */
  policy?: Policy | undefined;
  /**
   * Development mode: every call is allowed, and pages and hosts of this machine are admitted whatever their port, so
   * any page that this machine serves can use it. Bind to a loopback address. False by default.
   */
  allowAll?: boolean | undefined;
  /** Limits to change; see {@link Limits} for each and its default. */
  limits?: Partial<Limits> | undefined;
  /** Static pages to serve, such as the dashboard's; none by default. */
  pages?: Pages | undefined;
  /** Where events worth an operator's attention go; nowhere by default. Never gets payloads or credentials. */
  log?: GatewayLog | undefined;
  /** Systems outside the method table, by names that are not in it. For tests and embedders. */
  extraUpstreams?: Readonly<Record<string, ExtraUpstream>> | undefined;
}

/** {@link GatewayOptions} checked and completed. */
export interface ResolvedGatewayOptions {
  readonly upstreams: ReadonlyMap<string, UpstreamSettings>;
  readonly extraMethods: readonly GatewayMethod[];
  readonly origins: ReadonlySet<string>;
  readonly hosts: ReadonlySet<string>;
  readonly loopback: boolean;
  readonly policy: Policy;
  readonly limits: Limits;
}

/** @throws {MillraceError} `invalid_argument`, naming the option. */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  checkGatewayOptions(options);
  const upstreams = new Map<string, UpstreamSettings>();
  const { messagedb, ...grpc } = options.upstreams;
  if (messagedb !== undefined) checkMessageDbSettings(messagedb, "upstreams.messagedb");
  for (const [name, settings] of Object.entries(grpc)) {
    if (settings !== undefined) upstreams.set(name, checkUpstream(name, settings));
  }
  const extraMethods: GatewayMethod[] = [];
  for (const [system, settings] of Object.entries(options.extraUpstreams ?? {})) {
    const { methods } = checkExtraUpstream(system, settings);
    upstreams.set(system, settings);
    extraMethods.push(...methods.map((method) => ({ ...method, system })));
  }
  const loopback = options.allowAll === true;
  return {
    upstreams,
    extraMethods,
    origins: new Set((options.origins ?? []).map(checkOrigin)),
    hosts: new Set((options.hosts ?? []).map(checkHost)),
    loopback,
    policy: options.policy ?? (loopback ? allowEverything : denyEverything),
    limits: resolveLimits(options.limits),
  };
}
