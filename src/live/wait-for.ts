import { MillraceError } from "../core/errors.js";
import type { LiveFeed } from "./live-feed.js";

/** How long {@link waitFor} waits. */
export interface WaitForOptions {
  /** Milliseconds; 5 000 by default. */
  timeoutMs?: number | undefined;
  /** Stops waiting; it rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * Resolves when a feed has taken everything up to `position`: what was just appended is on the screen.
 *
 * @param feed Its query must match the event at `position`; a feed that never sees that event never gets there.
 * @param position Inclusive.
 * @throws {MillraceError} `timeout` when it has not got there in `timeoutMs`. Nothing is undone by that.
 */
export function waitFor<Item>(feed: LiveFeed<Item>, position: bigint, options: WaitForOptions = {}): Promise<void> {
  const { signal, timeoutMs = 5_000 } = options;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      unsubscribe();
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onAbort = (): void => settle(() => reject(signal?.reason as Error));
    const look = (): void => {
      const { position: reached, error } = feed.getSnapshot();
      if (reached !== undefined && reached >= position) settle(resolve);
      else if (error !== undefined) settle(() => reject(error as Error));
    };
    const timer = setTimeout(() => settle(() => reject(timedOut(position, timeoutMs))), timeoutMs);
    const unsubscribe = feed.subscribe(look);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted === true) onAbort();
    else look();
  });
}

function timedOut(position: bigint, timeoutMs: number): MillraceError {
  return new MillraceError("timeout", `The feed has not reached position ${position} within ${timeoutMs} ms; its query must match the event there`);
}
