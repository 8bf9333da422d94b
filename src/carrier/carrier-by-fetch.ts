import { MillraceError, type SystemName } from "../core/errors.js";
import { Ending } from "../core/signal.js";
import { callByFetch, type FetchSettings } from "./fetch-call.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import type { Carrier } from "./types.js";

/** The heartbeat that a streamed call asks for where nobody says otherwise, in milliseconds. */
export const HEARTBEAT_MS = 15_000;

/** Complete options of a fetch carrier, checked but for the address. */
export interface CarrierByFetchOptions extends Omit<FetchSettings, "gateway" | "closed"> {
  readonly url: unknown;
  readonly system?: SystemName | undefined;
}

/**
 * A carrier by `fetch`.
 *
 * @throws {MillraceError} `invalid_argument` for a wrong `url`.
 */
export function carrierByFetch(options: CarrierByFetchOptions): Carrier {
  const { url, system } = options;
  const closed = new Ending();
  const settings: FetchSettings = { ...options, gateway: parseGatewayUrl(url, system), closed };
  return {
    call: (call) => callByFetch(settings, call),
    async close() {
      closed.end(new MillraceError("unavailable", "The carrier is closed"));
    },
  };
}
