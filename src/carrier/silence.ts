import { startTimer } from "../core/signal.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";

/** How many heartbeats' time without a byte means that the connection is dead. */
const MISSED = 2.5;

/** After how much silence to give up a response, by what its headers promise; `undefined` when they promise nothing. */
export function promisedSilenceMs(headers: Headers): number | undefined {
  const promised = headers.get(HEARTBEAT_HEADER) ?? "";
  return /^[1-9]\d{0,6}$/.test(promised) ? Number(promised) * MISSED : undefined;
}

/**
 * Calls `lost` when nothing stops it for `ms`.
 *
 * A machine that slept, or a page that was frozen, runs a timer late and before what the network has brought
 * meanwhile. Only one that was punctual proves anything, so a late one waits for one more heartbeat.
 *
 * @returns Stops it.
 */
export function watchSilence(ms: number | undefined, lost: () => void, waitMs = ms): () => void {
  if (ms === undefined || waitMs === undefined) return () => {};
  const dueAt = Date.now() + waitMs;
  let stop = startTimer(waitMs, () => {
    if (Date.now() - dueAt > ms / MISSED) stop = watchSilence(ms, lost, ms / MISSED);
    else lost();
  });
  return () => stop();
}
