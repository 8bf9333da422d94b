/** Asks a gateway for heartbeats on a quiet stream, in milliseconds; its answer in a response header promises them. */
export const HEARTBEAT_HEADER = "millrace-heartbeat-ms";

const RESERVED =
  /^(:|grpc-|(content-(type|length|encoding)|(proxy-)?connection|host|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|x-grpc-web|millrace-heartbeat-ms)$)/;

/**
 * Whether a header (lower-case name) belongs to HTTP or gRPC itself, so that a caller cannot set it and it is no
 * metadata of the call: hop-by-hop headers, the body's description, and every name that gRPC reserves.
 */
export function isProtocolHeader(name: string): boolean {
  return RESERVED.test(name);
}
