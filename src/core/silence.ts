import { startTimer } from "./signal.js";

/** How many heartbeats' time without a byte means that the connection is dead. */
export const MISSED = 2.5;

/** A silence is counted in so many ticks, half a heartbeat each. */
const TICKS = 2 * MISSED;

/**
 * Calls `lost` when nothing stops it for `ms`.
 *
 * Ticks are counted, since a machine that slept, or a page that was frozen, has not listened. It runs a timer late, and
 * before what the network has brought meanwhile: the first late one gives that one more heartbeat's time.
 *
 * @param waitMs How much of that is left.
 * @returns Stops it.
 */
export function watchSilence(ms: number | undefined, lost: () => void, waitMs = ms): () => void {
  if (ms === undefined || waitMs === undefined) return () => {};
  const tickMs = ms / TICKS;
  let left = Math.ceil(waitMs / tickMs);
  let grace = 2;
  let stop = (): void => {};
  const tick = (inMs: number): void => {
    const dueAt = Date.now() + inMs;
    stop = startTimer(inMs, () => {
      left -= 1;
      if (Date.now() - dueAt > tickMs) {
        left = Math.max(left, grace);
        grace = 0;
      }
      if (left > 0) tick(tickMs);
      else lost();
    });
  };
  tick(waitMs - (left - 1) * tickMs);
  return () => stop();
}
