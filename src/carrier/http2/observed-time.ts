/**
 * Ticks every `everyMs` and says how much time passed in which this process could have heard its peer.
 *
 * A timer that fires late proves that the own event loop was blocked, not that the peer was silent: answers may be
 * waiting unread. So a late tick counts for two at most, and what waits is read before the next.
 *
 * The timer does not keep a process alive.
 *
 * @returns Stops it.
 */
export function observeTime(everyMs: number, tick: (observedMs: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const observed = Math.min(now - last, 2 * everyMs);
    last = now;
    tick(observed);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Calls `over` once after `ms` of observed time. Returns what stops it. */
export function countDown(ms: number, over: () => void): () => void {
  let left = ms;
  const stop = observeTime(Math.max(1, Math.ceil(ms / 10)), (observed) => {
    left -= observed;
    if (left > 0) return;
    stop();
    over();
  });
  return stop;
}
