import { checkInteger, checkOptions, invalidArgument, MAX_TIMER_MS } from "../core/arguments.js";
import type { MillraceError } from "../core/errors.js";
import { HEARTBEAT_MS } from "./carrier-by-fetch.js";
import { carrierByUrl } from "./carrier-by-url.js";
import { collectUnlessBoth, type FetchCarrierOptions } from "./fetch.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import { checkLimits } from "./limits.js";
import type { WebSocketConstructor } from "./tunnel-link.js";
import type { Carrier } from "./types.js";

/** Where an {@link autoCarrier} sends calls, and how. `fetch` means that there is no tunnel, unless `webSocket` is given too. */
export interface AutoCarrierOptions extends FetchCarrierOptions {
  /** Used instead of `globalThis.WebSocket`, which Node 20 has not: the class of the package ws fits. */
  webSocket?: WebSocketConstructor | undefined;
  /**
   * Told that calls which stay open go by `fetch` for the next minute, and why: the platform has no WebSocket, or the
   * gateway was reached but no tunnel to it. What it throws goes nowhere.
   */
  onFallback?: ((why: MillraceError) => void) | undefined;
}

const OPTION_NAMES = ["url", "fetch", "webSocket", "onFallback", "connectTimeoutMs", "maxMessageBytes", "heartbeatMs"] as const;

/**
 * What a client with `url` uses, for Connect's clients too: `fetch` for calls that end, and one WebSocket, opened for
 * the first of them, for calls that stay open (lane `live`) and for full-duplex bidi.
 *
 * Where there can be no WebSocket, or the gateway answers but refuses it, such calls go by `fetch`, and it is asked for
 * again after a minute; full-duplex bidi is then refused with `unsupported`. A gateway that does not answer is not a
 * refusal: such calls end with `unavailable`.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options.
 */
export function autoCarrier(options: AutoCarrierOptions): Carrier {
  checkOptions("options", options, OPTION_NAMES, "");
  const { url, fetch, webSocket, onFallback, heartbeatMs = HEARTBEAT_MS } = options;
  checkInteger("heartbeatMs", heartbeatMs, 0, MAX_TIMER_MS);
  for (const [name, value] of Object.entries({ fetch, webSocket, onFallback })) {
    if (value !== undefined && typeof value !== "function") throw invalidArgument(name, value, "must be a function");
  }
  return carrierByUrl({ ...checkLimits(options), gateway: parseGatewayUrl(url), fetch, webSocket, onFallback, heartbeatMs, collect: collectUnlessBoth });
}
