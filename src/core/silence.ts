import { startTimer } from "./signal.js";

/** How many heartbeats' time without a byte means that the connection is dead. */
export const MISSED = 2.5;

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
