import type { ResumeClock } from "millrace/internal/core/subscription";
import { platformClock } from "millrace/internal/core/wake";

/** A clock whose pauses end when something happens. */
export interface WakeClock extends ResumeClock {
  /** Ends every pause that has begun. */
  wake(): void;
}

/** The platform's clock, and who writes ends the pauses of those who wait for what is written. */
export function wakeClock(): WakeClock {
  const sleepers = new Set<() => void>();
  return {
    now: platformClock.now,
    random: platformClock.random,
    async pause(ms, signal) {
      let stop = (): void => {};
      const woken = new Promise<void>((resolve) => {
        stop = () => { sleepers.delete(resolve); };
        sleepers.add(resolve);
      });
      const over = new AbortController();
      const forward = (): void => over.abort(signal.reason);
      signal.addEventListener("abort", forward, { once: true });
      try {
        signal.throwIfAborted();
        const slept = platformClock.pause(ms, over.signal);
        slept.catch(() => {});
        await Promise.race([woken, slept]);
      } finally {
        stop();
        signal.removeEventListener("abort", forward);
        // The platform's timer is let go of.
        over.abort();
      }
    },
    wake() {
      for (const end of [...sleepers]) end();
    },
  };
}
