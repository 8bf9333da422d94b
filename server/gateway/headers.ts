import { isProtocolHeader } from "millrace/internal/wire/header-names";
import { fieldOf, type HeaderFields } from "./exchange.js";

/** Metadata above this is refused: UmaDB answers more with a bare HTTP 431. Counted as HTTP/2 does, in bytes. */
export const MAX_METADATA_BYTES = 16 * 1024;

/** What gRPC and HTTP/2 themselves need of that, at most. */
const RESERVED_BYTES = 1_024;
const ENTRY_OVERHEAD_BYTES = 32;

/** A caller's credentials for the upstream itself. */
const UPSTREAM_AUTHORIZATION = "millrace-upstream-authorization";

const OF_BROWSERS: ReadonlySet<string> = new Set([
  "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "cookie", "cookie2", "date", "dnt",
  "expect", "forwarded", "origin", "pragma", "priority", "purpose", "referer", "user-agent", "via", "x-real-ip", "x-user-agent",
]);
const OF_BROWSERS_PREFIXES = ["access-control-", "if-", "proxy-", "sec-", "x-forwarded-", "millrace-"];

/** What browsers obey belongs to the gateway's own origin, which pages may be served from. */
const OF_SERVERS: ReadonlySet<string> = new Set([
  "accept-ch", "alt-svc", "clear-site-data", "date", "document-policy", "link", "location", "nel", "origin-agent-cluster",
  "permissions-policy", "referrer-policy", "refresh", "report-to", "reporting-endpoints", "server", "service-worker-allowed",
  "set-cookie", "set-cookie2", "sourcemap", "speculation-rules", "strict-transport-security", "supports-loading-mode",
  "timing-allow-origin", "vary", "via", "www-authenticate", "x-frame-options", "x-sourcemap",
]);
const OF_SERVERS_PREFIXES = ["access-control-", "content-", "cross-origin-", "millrace-", "proxy-"];

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Whether a request header (lower-case name) is metadata of the call, to be sent upstream. `authorization` is the gateway's own. */
export function isForwarded(name: string): boolean {
  return TOKEN.test(name) && name !== "authorization" && !isProtocolHeader(name) && !OF_BROWSERS.has(name) && !startsWithOne(name, OF_BROWSERS_PREFIXES);
}

/** Where the `authorization` that the upstream sees comes from. */
export interface UpstreamCredentials {
  /** Whether a caller's `millrace-upstream-authorization` becomes it. */
  readonly fromClient: boolean;
}

/**
 * The metadata that goes upstream.
 *
 * @returns `undefined` when it is above 16 KiB.
 */
export function upstreamMetadata(headers: HeaderFields, credentials: UpstreamCredentials): Record<string, string | string[]> | undefined {
  const metadata: Record<string, string | string[]> = {};
  let bytes = RESERVED_BYTES;
  for (const name of Object.keys(headers)) {
    const sentAs = name === UPSTREAM_AUTHORIZATION && credentials.fromClient ? "authorization" : name;
    const value = fieldOf(headers, name);
    if (value === undefined || (sentAs !== "authorization" || name === "authorization") && !isForwarded(name)) continue;
    metadata[sentAs] = value;
    bytes += sentAs.length + value.length + ENTRY_OVERHEAD_BYTES;
  }
  return bytes > MAX_METADATA_BYTES ? undefined : metadata;
}

/** The upstream's response metadata that a page may have. The status is not among it, nor what only the gateway may say. */
export function responseMetadata(headers: HeaderFields): Record<string, string | readonly string[]> {
  const metadata: Record<string, string | readonly string[]> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined && !isProtocolHeader(name) && !OF_SERVERS.has(name) && !startsWithOne(name, OF_SERVERS_PREFIXES)) {
      metadata[name] = value;
    }
  }
  return metadata;
}

const STATUS_FIELDS = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/** The upstream's trailers as a page gets them: its status and its own metadata. */
export function responseTrailers(trailers: HeaderFields): Record<string, string | readonly string[] | undefined> {
  const fields: Record<string, string | readonly string[] | undefined> = {};
  for (const name of STATUS_FIELDS) fields[name] = trailers[name];
  return Object.assign(fields, responseMetadata(trailers));
}

function startsWithOne(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}
