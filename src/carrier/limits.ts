import { checkInteger, MAX_TIMER_MS } from "../core/arguments.js";
import type { SystemName } from "../core/errors.js";
import { CARRIER_DEFAULTS } from "./types.js";

/** What bounds the calls of a carrier. */
export interface Limits {
  /** Milliseconds until the connection must stand, or a stream's response headers must have come. */
  readonly connectTimeoutMs: number;
  /** The largest message accepted, in bytes. */
  readonly maxMessageBytes: number;
}

/** The bounds that options give, checked, the others by default. @throws {MillraceError} `invalid_argument`. */
export function checkLimits(options: Partial<Record<keyof Limits, number | undefined>>, system?: SystemName): Limits {
  const { connectTimeoutMs = CARRIER_DEFAULTS.connectTimeoutMs, maxMessageBytes = CARRIER_DEFAULTS.maxMessageBytes } = options;
  checkInteger("connectTimeoutMs", connectTimeoutMs, 1, MAX_TIMER_MS, system);
  checkInteger("maxMessageBytes", maxMessageBytes, 1, 0xffff_ffff, system);
  return { connectTimeoutMs, maxMessageBytes };
}
