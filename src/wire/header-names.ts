/** Asks a gateway for heartbeats on a quiet stream, in milliseconds; its answer in a response header promises them. */
export const HEARTBEAT_HEADER = "millrace-heartbeat-ms";

const OF_HTTP: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "content-type", "content-length", "content-encoding",
  "connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
]);

/**
 * Whether a header (lower-case name) belongs to HTTP or gRPC itself, so that a caller cannot set it and it is no
 * metadata of the call: hop-by-hop headers, the body's description, and every name that gRPC reserves.
 */
export function isProtocolHeader(name: string): boolean {
  return name.startsWith("grpc-") || name.startsWith(":") || OF_HTTP.has(name)
    || name === "x-grpc-web" || name === HEARTBEAT_HEADER;
}
