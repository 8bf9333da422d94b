import { HEARTBEAT_HEADER } from "millrace/internal/wire/header-names";
import { fieldOf, type HeaderFields } from "./exchange.js";
import { isForwarded } from "./headers.js";

const MAX_AGE_SECONDS = 7_200;

/** What the gateway itself understands beside the call's own metadata. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  "authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent", HEARTBEAT_HEADER, "millrace-upstream-authorization",
]);

const ALWAYS_EXPOSED = ["grpc-status", "grpc-message", "grpc-status-details-bin", HEARTBEAT_HEADER];

/** The headers that let the page of an admitted origin read a response. */
export function corsHeaders(origin: string | undefined): HeaderFields {
  return origin === undefined ? { vary: "Origin" } : { vary: "Origin", "access-control-allow-origin": origin };
}

/** The answer to a preflight: the methods and those of the asked headers that mean something here. */
export function preflightHeaders(origin: string | undefined, request: HeaderFields): HeaderFields {
  const asked = (fieldOf(request, "access-control-request-headers") ?? "").toLowerCase().split(",").map((name) => name.trim());
  const allowed = asked.filter((name) => UNDERSTOOD.has(name) || isForwarded(name));
  return {
    ...corsHeaders(origin),
    vary: "Origin, Access-Control-Request-Headers",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": allowed.join(", "),
    "access-control-max-age": String(MAX_AGE_SECONDS),
  };
}

/** The header that lets a page see metadata; `names` are those of the response. */
export function exposeHeaders(names: readonly string[]): string {
  return [...ALWAYS_EXPOSED, ...names].join(", ");
}
