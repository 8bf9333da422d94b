import { abortable } from "./signal.js";
import type { ResumeClock } from "./subscription.js";

/**
 * The platform's clock. Its pauses end early when the page comes back to life; where there is no page they just end.
 *
 * A laptop's sleep stops timers: the pause then ends when the timer fires after waking, or by `pageshow` or `online` before it.
 */
export const platformClock: ResumeClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  async pause(ms, signal) {
    let stop = (): void => {};
    const over = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const unwatch = onWake(resolve);
      stop = () => {
        clearTimeout(timer);
        unwatch();
      };
    });
    await abortable(over, signal).finally(stop);
  },
};

type Listens = Partial<Pick<EventTarget, "addEventListener" | "removeEventListener">>;

/** Calls `listener` when a try is worth it now: the network is back, or the page is shown again. @returns Stops that. */
export function onWake(listener: () => void): () => void {
  const scope: Listens & { readonly document?: Listens & { readonly visibilityState?: string } } = globalThis;
  const { document } = scope;
  const shown = (): void => { if (document?.visibilityState !== "hidden") listener(); };
  const each = (act: keyof Listens): void => {
    scope[act]?.("online", listener);
    scope[act]?.("pageshow", listener);
    document?.[act]?.("visibilitychange", shown);
  };
  each("addEventListener");
  return () => each("removeEventListener");
}
