import { fieldOf, type GatewayRequest } from "./exchange.js";

/** Who may speak to the gateway at all, whatever the policy says. */
export interface AdmissionRules {
  /** Origins of pages, as `Origin` headers spell them. */
  readonly origins: ReadonlySet<string>;
  /** Hosts the gateway is reached by, lower case; one without a port stands for every port. */
  readonly hosts: ReadonlySet<string>;
  /** Adds every origin and host that is this machine itself, whatever the port. */
  readonly loopback: boolean;
}

/** The outcome of admission: the page's origin, if a page asks, or what is wrong (for the log, never for the peer). */
export type Admission =
  | { readonly admitted: true; readonly origin: string | undefined }
  | { readonly admitted: false; readonly because: "host" | "origin" | "fetch-site" };

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);
const OWN_SITE: ReadonlySet<string> = new Set(["same-origin", "none"]);

/**
 * Whether a request may be looked at. The Host rule keeps pages out whose name was pointed at this machine (DNS
 * rebinding): to the browser those are of the same origin.
 */
export function admit(request: GatewayRequest, rules: AdmissionRules): Admission {
  if (!isHostAllowed(request.host, rules)) return { admitted: false, because: "host" };
  const origin = fieldOf(request.headers, "origin");
  if (origin !== undefined) {
    return isOriginAllowed(origin, rules) ? { admitted: true, origin } : { admitted: false, because: "origin" };
  }
  const site = fieldOf(request.headers, "sec-fetch-site");
  if (site !== undefined && !OWN_SITE.has(site)) return { admitted: false, because: "fetch-site" };
  return { admitted: true, origin: undefined };
}

function isHostAllowed(host: string | undefined, rules: AdmissionRules): boolean {
  if (host === undefined) return false;
  const exact = host.toLowerCase();
  const name = exact.replace(/:\d+$/, "");
  return rules.hosts.has(exact) || rules.hosts.has(name) || (rules.loopback && LOOPBACK.has(name));
}

function isOriginAllowed(origin: string, rules: AdmissionRules): boolean {
  return rules.origins.has(origin) || (rules.loopback && isLoopbackOrigin(origin));
}

/** Whether an origin is a page of this machine: `http` or `https`, a loopback name, any port. */
export function isLoopbackOrigin(origin: string): boolean {
  const match = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/.exec(origin);
  return match !== null;
}

/** Whether a host name or address (without port) is this machine itself. */
export function isLoopbackHost(name: string): boolean {
  return LOOPBACK.has(name.toLowerCase()) || name === "::1";
}
