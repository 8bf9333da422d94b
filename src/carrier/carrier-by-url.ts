import { MillraceError } from "../core/errors.js";
import type { AutoRoute } from "./auto-route.js";
import { callLater } from "./call-later.js";
import { carrierByFetch } from "./carrier-by-fetch.js";
import type { FetchSettings } from "./fetch-call.js";
import type { WebSocketConstructor } from "./tunnel-link.js";
import { tunnelTools } from "./tunnel-tools.js";
import type { Carrier } from "./types.js";

/** Complete options of an auto carrier, checked. */
export interface CarrierByUrlOptions extends Omit<FetchSettings, "closed"> {
  readonly webSocket: WebSocketConstructor | undefined;
  /** Told why calls that stay open go by `fetch`. */
  readonly onFallback: ((why: MillraceError) => void) | undefined;
}

/** What the part that is loaded on demand gets. */
export interface AutoSettings extends CarrierByUrlOptions {
  readonly byFetch: Carrier;
  /** Whether a tunnel may be opened at all: somebody's own `fetch` leads where no WebSocket of the platform does. */
  readonly mayTunnel: boolean;
}

/**
 * A carrier by `fetch` that makes calls which stay open, and those in both directions at once, through one tunnel
 * instead. The tunnel's code is loaded, and the tunnel opened, for the first of them.
 */
export function carrierByUrl(options: CarrierByUrlOptions): Carrier {
  const { fetch, webSocket } = options;
  const byFetch = carrierByFetch(options);
  const mayTunnel = fetch === undefined || webSocket !== undefined;
  let route: Promise<AutoRoute> | undefined;
  let closed = false;
  const load = (): Promise<AutoRoute> => (route ??= import("./auto-route.js").then(
    (module) => new module.AutoRoute({ ...options, byFetch, mayTunnel }, tunnelTools),
    (cause: unknown) => {
      route = undefined;
      throw new MillraceError("unavailable", "The code of the tunnel could not be loaded", { cause });
    },
  ));
  return {
    call(call) {
      const { kind, duplex, lane } = call;
      const takesBoth = kind === "bidi" && duplex !== "half";
      if (closed || !(takesBoth || (mayTunnel && lane === "live"))) return byFetch.call(call);
      return callLater(async (signal) => (await load()).choose(call, signal), call);
    },
    async close() {
      closed = true;
      await byFetch.close();
      await route?.then((loaded) => loaded.close(), () => {});
    },
  };
}
