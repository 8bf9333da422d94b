import { checkInteger, checkOptions, invalidArgument, MAX_TIMER_MS } from "../core/arguments.js";
import type { HeadersOption } from "../core/options.js";
import { carrierByTunnel } from "./carrier-by-tunnel.js";
import { collectMessages } from "./collect.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import { checkHeaders } from "./headers.js";
import type { WebSocketConstructor } from "./tunnel-link.js";
import { TunnelLinks } from "./tunnel-links.js";
import { tunnelTools } from "./tunnel-tools.js";
import { CARRIER_DEFAULTS, type Carrier } from "./types.js";

/** Where a {@link tunnelCarrier} leads, and how. */
export interface TunnelCarrierOptions {
  /** The gateway, `http:` or `https:`; a path is kept as a prefix. May be relative in a page. */
  url: string | URL;
  /** Used instead of `globalThis.WebSocket`, which Node 20 has not: the class of the package ws fits. */
  webSocket?: WebSocketConstructor | undefined;
  /**
   * Sent in the tunnel's first message, never in its address: a value, or a function that is asked for each tunnel and
   * with `refresh: true` after one was refused with `unauthenticated`. An `authorization` here counts for every call
   * that brings none of its own.
   */
  headers?: HeadersOption | undefined;
  /** Milliseconds until the tunnel must stand; 10 000 by default. */
  connectTimeoutMs?: number | undefined;
  /** The largest message accepted, in bytes; 16 MiB (16 777 216) by default. */
  maxMessageBytes?: number | undefined;
}

const OPTION_NAMES = ["url", "webSocket", "headers", "connectTimeoutMs", "maxMessageBytes"] as const;

/**
 * Makes calls through one WebSocket to a gateway of ours, up to 1 024 at a time and of every kind, full-duplex bidi
 * included. It takes one of a browser's six HTTP/1.1 connections to a host none of the others' places.
 *
 * The socket is opened for the first call, again when it was lost or the gateway shuts down, and stays open until
 * `close()`; a page that is left closes it. Its loss ends every call in it with `unavailable`, `applied: "unknown"`.
 * Calls are refused with `unsupported` where there is no WebSocket.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options.
 */
export function tunnelCarrier(options: TunnelCarrierOptions): Carrier {
  checkOptions("options", options, OPTION_NAMES, "");
  const { url, webSocket, headers, connectTimeoutMs = CARRIER_DEFAULTS.connectTimeoutMs, maxMessageBytes = CARRIER_DEFAULTS.maxMessageBytes } = options;
  checkInteger("connectTimeoutMs", connectTimeoutMs, 1, MAX_TIMER_MS);
  checkInteger("maxMessageBytes", maxMessageBytes, 1, 0xffff_ffff);
  if (webSocket !== undefined && typeof webSocket !== "function") throw invalidArgument("webSocket", webSocket, "must be a class like WebSocket");
  if (headers !== undefined && typeof headers !== "function") checkHeaders("headers", headers, undefined);
  const gateway = parseGatewayUrl(url);
  const links = new TunnelLinks({
    gateway, webSocket, connectTimeoutMs, tools: tunnelTools,
    async headers(refresh) {
      return typeof headers === "function" ? checkHeaders("headers()", await headers({ refresh }), undefined) : checkHeaders("headers", headers ?? {}, undefined);
    },
  });
  return carrierByTunnel({ origin: gateway.origin, connectTimeoutMs, maxMessageBytes, links, collect: collectMessages, tools: tunnelTools });
}
