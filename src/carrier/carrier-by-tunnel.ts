import { TunnelCall, type TunnelCallSettings } from "./tunnel-call.js";
import type { Carrier } from "./types.js";

/** A carrier through the tunnel that `links` gives; closing it closes that. */
export function carrierByTunnel(options: Omit<TunnelCallSettings, "closed">): Carrier {
  const { Ending, MillraceError } = options.tools;
  const closed = new Ending();
  const settings = { ...options, closed };
  return {
    call: (call) => new TunnelCall(settings, call).response,
    async close() {
      const reason = new MillraceError("unavailable", "The carrier is closed");
      closed.end(reason);
      options.links.close(reason);
    },
  };
}
