import { X509Certificate } from "node:crypto";
import { checkInteger, invalidArgument, MAX_TIMER_MS } from "../../core/arguments.js";

/** Where an {@link Upstream} connects to, and how patient it is. Times are in milliseconds. */
export interface UpstreamOptions {
  /** `http:` or `grpc:` (HTTP/2 without TLS), `https:` or `grpcs:`; a path stands before every call's. */
  url: string | URL;
  /** Certificate authorities to trust (PEM) instead of the system's. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Until a connection must stand, the server's SETTINGS included; 5 000 by default. */
  connectTimeoutMs?: number | undefined;
  /**
   * `ping`, the default: connections with open calls are asked by HTTP/2 PING and given up when silent. `none`: never;
   * for servers that punish pings.
   */
  watch?: "ping" | "none" | undefined;
  /** Between two PINGs on a connection with open calls; 2 000 by default. */
  pingIntervalMs?: number | undefined;
  /** A connection of the lanes `short` and `live` is dead when a PING is unanswered this long; 5 000 by default. */
  pingTimeoutMs?: number | undefined;
  /**
   * An append is late, and its connection asked by PING, after this long; 100 by default. So much sooner than
   * `pingIntervalMs` because a frozen connection keeps its place among `appendSessions` until it is found out, and
   * what waits for a place pays for it; asking one that is only slow costs a PING.
   */
  appendLateMs?: number | undefined;
  /** A connection of the lane `append` is dead when a PING is unanswered this long; 1 000 by default. */
  appendTimeoutMs?: number | undefined;
  /** Connections of the lane `append` at once, silent ones not counted; 8 by default. Further appends wait. */
  appendSessions?: number | undefined;
  /** Bytes that the server may send on one call before they are read, 65 535 to 1 048 576; 262 144 by default. */
  windowBytes?: number | undefined;
  /**
   * For tests of the rules alone. `rules`, the default: a call that is left is reset when its response headers have
   * come, or slowly without them. `immediate`: at once. `never`: not at all.
   */
  cancelling?: "rules" | "immediate" | "never" | undefined;
}

/** {@link UpstreamOptions} with every default filled in. */
export interface ResolvedUpstreamOptions {
  readonly url: URL;
  readonly secure: boolean;
  /** For TLS; `undefined`: the system's authorities. */
  readonly ca: readonly (string | Buffer)[] | undefined;
  readonly connectTimeoutMs: number;
  readonly watch: "ping" | "none";
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly appendLateMs: number;
  readonly appendTimeoutMs: number;
  readonly appendSessions: number;
  readonly windowBytes: number;
  readonly cancelling: "rules" | "immediate" | "never";
}

/**
 * Fills in the defaults.
 *
 * @throws {MillraceError} `invalid_argument`, naming the option.
 */
export function resolveUpstreamOptions(options: UpstreamOptions): ResolvedUpstreamOptions {
  const { url, secure } = parseUrl(options.url);
  return {
    url,
    secure,
    ca: authorities(options.ca),
    connectTimeoutMs: checkInteger("connectTimeoutMs", options.connectTimeoutMs ?? 5_000, 1, MAX_TIMER_MS),
    watch: oneOf("watch", options.watch, ["ping", "none"]),
    pingIntervalMs: checkInteger("pingIntervalMs", options.pingIntervalMs ?? 2_000, 1, MAX_TIMER_MS),
    pingTimeoutMs: checkInteger("pingTimeoutMs", options.pingTimeoutMs ?? 5_000, 1, MAX_TIMER_MS),
    appendLateMs: checkInteger("appendLateMs", options.appendLateMs ?? 100, 1, MAX_TIMER_MS),
    appendTimeoutMs: checkInteger("appendTimeoutMs", options.appendTimeoutMs ?? 1_000, 1, MAX_TIMER_MS),
    appendSessions: checkInteger("appendSessions", options.appendSessions ?? 8, 1, 1_024),
    windowBytes: checkInteger("windowBytes", options.windowBytes ?? 256 * 1024, 65_535, 1024 * 1024),
    cancelling: oneOf("cancelling", options.cancelling, ["rules", "immediate", "never"]),
  };
}

const CA_RULE = "must be certificates in PEM";

function parseUrl(given: unknown): { url: URL; secure: boolean } {
  const value = given instanceof URL ? given.href : given;
  const rule = "must be a URL with http, https, grpc or grpcs, without user, query and fragment";
  if (typeof value !== "string") throw invalidArgument("url", value, rule);
  const match = /^(http|grpc)(s?):\/\//i.exec(value);
  if (match === null) throw invalidArgument("url", value, rule);
  const secure = match[2] !== "";
  const text = `${secure ? "https" : "http"}://${value.slice(match[0].length)}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") throw invalidArgument("url", value, rule);
  return { url, secure };
}

function authorities(value: unknown): (string | Buffer)[] | undefined {
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const pems = list.map((each) => {
    if (typeof each !== "string" && !(each instanceof Uint8Array)) throw invalidArgument("ca", each, CA_RULE);
    return typeof each === "string" ? each : Buffer.from(each);
  });
  if (pems.every(isCertificate)) return pems;
  throw invalidArgument("ca", value, CA_RULE);
}

/** TLS itself passes over what it cannot read, and then trusts nobody. */
function isCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function oneOf<T extends string>(name: string, value: unknown, allowed: readonly [T, ...T[]]): T {
  if (value === undefined) return allowed[0];
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalidArgument(name, value, `must be one of ${allowed.map((each) => `"${each}"`).join(", ")}`);
  return found;
}
