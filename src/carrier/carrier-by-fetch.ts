import { MillraceError } from "../core/errors.js";
import { Ending } from "../core/signal.js";
import { callByFetch, type FetchSettings } from "./fetch-call.js";
import type { Carrier } from "./types.js";

/** The heartbeat that a streamed call asks for where nobody says otherwise, in milliseconds. */
export const HEARTBEAT_MS = 15_000;

/** A carrier by `fetch`. */
export function carrierByFetch(options: Omit<FetchSettings, "closed">): Carrier {
  const closed = new Ending();
  const settings: FetchSettings = { ...options, closed };
  return {
    call: (call) => callByFetch(settings, call),
    async close() {
      closed.end(new MillraceError("unavailable", "The carrier is closed"));
    },
  };
}
