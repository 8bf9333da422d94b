import { invalidArgument } from "millrace/internal/core/arguments";
import { resolveLimits, type Limits } from "./limits.js";
import type { GatewayLog } from "./log.js";
import type { Pages } from "./pages.js";
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

/** A system outside the method table, for tests and embedders. */
export interface ExtraUpstream extends UpstreamSettings {
  /** Its methods; their `system` is this entry's name. */
  methods: readonly Omit<GatewayMethod, "system">[];
}

/** What a gateway serves, to whom, and within which limits. */
export interface GatewayOptions {
  /** The systems behind it, at most one of each kind. */
  upstreams: { umadb?: UpstreamSettings | undefined; eventstoredb?: UpstreamSettings | undefined; kubemq?: UpstreamSettings | undefined };
  /** Origins of the pages that may use it, such as `https://app.example`; none by default. `null` is never allowed. */
  origins?: readonly string[] | undefined;
  /** Hosts it is reached by, such as `gw.example` (any port) or `gw.example:8443`. Requests for other hosts are refused. */
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
  /** Systems outside the method table, by name. For tests and embedders. */
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
  const upstreams = new Map<string, UpstreamSettings>();
  for (const [name, settings] of Object.entries({ ...options.upstreams, ...options.extraUpstreams })) {
    if (settings !== undefined) upstreams.set(name, checkUpstream(name, settings));
  }
  const loopback = options.allowAll === true;
  if (loopback && options.policy !== undefined) throw invalidArgument("policy", options.policy, "cannot stand beside allowAll");
  return {
    upstreams,
    extraMethods: Object.entries(options.extraUpstreams ?? {}).flatMap(([system, { methods }]) => methods.map((method) => ({ ...method, system }))),
    origins: new Set((options.origins ?? []).map(checkOrigin)),
    hosts: new Set((options.hosts ?? []).map(checkHost)),
    loopback,
    policy: options.policy ?? (loopback ? allowEverything : denyEverything),
    limits: resolveLimits(options.limits),
  };
}

function checkUpstream(name: string, settings: UpstreamSettings): UpstreamSettings {
  const path = `upstreams.${name}`;
  const { url, apiKey, allowInsecureApiKey, credentials } = settings;
  if (typeof url !== "string" || !/^(https?|grpcs?):\/\/[^/]/i.test(url)) throw invalidArgument(`${path}.url`, url, "must be a URL with http, https, grpc or grpcs");
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) throw invalidArgument(`${path}.apiKey`, apiKey, "must be printable ASCII without blanks");
  if (apiKey !== undefined && allowInsecureApiKey !== true && !/^(https|grpcs):/i.test(url)) {
    throw invalidArgument(`${path}.apiKey`, apiKey, "needs an https or grpcs url: without TLS everybody on the way can read it (allowInsecureApiKey: true sends it all the same)");
  }
  if (credentials !== undefined && credentials !== "gateway" && credentials !== "client") throw invalidArgument(`${path}.credentials`, credentials, 'must be "gateway" or "client"');
  return settings;
}

function checkOrigin(value: string, at: number): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  const isOrigin = url !== undefined && url.origin !== "null" && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!isOrigin) throw invalidArgument(`origins[${at}]`, value, "must be an origin such as https://app.example");
  return url.origin;
}

function checkHost(value: string, at: number): string {
  const host = typeof value === "string" ? value.toLowerCase() : "";
  if (!/^([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(host)) {
    throw invalidArgument(`hosts[${at}]`, value, "must be a host name or address, with or without a port");
  }
  return host;
}
