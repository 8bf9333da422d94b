/**
 * Calls `act` before the next repaint, or within 100 ms where nothing is painted (a hidden page, a worker, a server).
 *
 * @returns Calls it off.
 */
export function nextFrame(act: () => void): () => void {
  const scope = globalThis as { requestAnimationFrame?: (callback: () => void) => number };
  let done = false;
  const once = (): void => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    act();
  };
  const timer = setTimeout(once, scope.requestAnimationFrame === undefined ? 16 : 100);
  scope.requestAnimationFrame?.(once);
  return () => {
    done = true;
    clearTimeout(timer);
  };
}
