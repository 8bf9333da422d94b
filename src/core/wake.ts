import type { ResumeClock } from "./subscription.js";

/** What a page or worker says when a try is worth it now: the network is back, or the page is shown again. */
const WAKING_EVENTS = ["online", "pageshow", "visibilitychange"] as const;

interface Listens {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/**
 * The platform's clock. Its pauses end early when the page comes back to life; where there is no page they just end.
 *
 * A laptop's sleep stops timers: the pause then ends when the timer fires after waking, or by `pageshow` or `online` before it.
 */
export const platformClock: ResumeClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  pause: (ms, signal) => new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const undo: (() => void)[] = [];
    const settle = (act: () => void): void => {
      for (const un of undo.splice(0)) un();
      act();
    };
    const timer = setTimeout(() => settle(resolve), ms);
    undo.push(() => clearTimeout(timer));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    signal.addEventListener("abort", onAbort);
    undo.push(() => signal.removeEventListener("abort", onAbort));
    undo.push(onWake(() => settle(resolve)));
    return undefined;
  }),
};

/** Calls `listener` when a try is worth it now. @returns Stops that. */
export function onWake(listener: () => void): () => void {
  const scope = globalThis as unknown as Partial<Listens> & { document?: Listens & { visibilityState?: string } };
  const undo: (() => void)[] = [];
  const listen = (target: Partial<Listens> | undefined, type: string, act: () => void): void => {
    if (typeof target?.addEventListener !== "function") return;
    target.addEventListener(type, act);
    undo.push(() => target.removeEventListener?.(type, act));
  };
  for (const type of WAKING_EVENTS) {
    if (type !== "visibilitychange") listen(scope, type, listener);
    else listen(scope.document, type, () => { if (scope.document?.visibilityState !== "hidden") listener(); });
  }
  return () => { for (const un of undo) un(); };
}
