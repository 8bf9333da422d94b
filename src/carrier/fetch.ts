import { checkInteger, checkOptions, invalidArgument, MAX_TIMER_MS } from "../core/arguments.js";
import { MillraceError } from "../core/errors.js";
import { carrierByFetch, HEARTBEAT_MS } from "./carrier-by-fetch.js";
import { collectMessages } from "./collect.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import { checkLimits } from "./limits.js";
import type { Carrier, CarrierCall } from "./types.js";

/** Where a {@link fetchCarrier} sends calls, and how. */
export interface FetchCarrierOptions {
  /** The gateway, `http:` or `https:`; a path is kept as a prefix. May be relative in a page. */
  url: string | URL;
  /** Used instead of `globalThis.fetch`, which is looked up at each call. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * Milliseconds until the response headers of a streamed answer must have come; 10 000 by default. Those of a call
   * with one answer come with that answer, so the call's `timeoutMs` alone bounds it.
   */
  connectTimeoutMs?: number | undefined;
  /** The largest message accepted, in bytes; 16 MiB (16 777 216) by default. */
  maxMessageBytes?: number | undefined;
  /**
   * The heartbeat that a streamed call asks the gateway for, in milliseconds; 15 000 by default. A gateway that promised
   * it and is silent for 2.5 times as long is given up. `0` asks for none, as a gRPC-Web proxy that refuses unknown
   * request headers needs.
   */
  heartbeatMs?: number | undefined;
}

const OPTION_NAMES = ["url", "fetch", "connectTimeoutMs", "maxMessageBytes", "heartbeatMs"] as const;

/**
 * Makes calls by `fetch`, as binary gRPC-Web. Works wherever there is a `fetch`, on HTTP/1.1 and above.
 *
 * Request messages are collected and sent together, so client streaming and half-duplex bidi work; full-duplex bidi is
 * refused at once with `unsupported`. A call's error says `applied: "no"` only if its request certainly never left.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options.
 */
export function fetchCarrier(options: FetchCarrierOptions): Carrier {
  checkOptions("options", options, OPTION_NAMES, "");
  const { url, fetch, heartbeatMs = HEARTBEAT_MS } = options;
  checkInteger("heartbeatMs", heartbeatMs, 0, MAX_TIMER_MS);
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch", fetch, "must be a function");
  return carrierByFetch({ ...checkLimits(options), gateway: parseGatewayUrl(url), fetch, heartbeatMs, collect: collectUnlessBoth });
}

/** All messages of a call; refuses one that sends in both directions at once. */
export async function collectUnlessBoth(call: CarrierCall, signal: AbortSignal): Promise<Uint8Array[]> {
  if (call.kind !== "bidi" || call.duplex === "half") return collectMessages(call, signal);
  throw new MillraceError("unsupported", `${call.path} sends in both directions at once, which fetch cannot: use the tunnel or an http2Carrier, or ask for duplex "half"`);
}
