import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError } from "millrace";
import type { UmaDb } from "millrace/umadb";
import { Shop } from "./orders.js";

/** How a demo stream runs. */
export interface DemoStreamOptions {
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** From 0 up to but not including 1; `Math.random` by default. */
  readonly random?: () => number;
  /** Told once when appending stops working, and again only after it worked in between. */
  readonly onTrouble?: (error: unknown) => void;
}

/** Events that come fast at first, so that there is something to see, and their pause; the pause of all that follow. */
const FIRST_EVENTS = 60;
const FIRST_PAUSE_MS = 300;
const PAUSE_MS = 2_000;

/**
 * Appends believable events until the signal is aborted: a few a second for the first twenty seconds, then one about
 * every two seconds. Resolves when it has ended; a store that does not answer is tried again with the next event.
 */
export async function streamDemoEvents(db: UmaDb, { signal, random = Math.random, onTrouble }: DemoStreamOptions): Promise<void> {
  let shop: Shop | undefined;
  let troubled = false;
  for (let count = 0; !signal.aborted; count++) {
    try {
      // A store that was kept holds orders of an earlier run; new ones get numbers of their own.
      shop ??= new Shop({ random, firstOrder: 1_000 + Number((await db.head({ signal })) ?? 0n) });
      const { events, condition } = shop.next();
      await db.append(events, { condition, signal });
      troubled = false;
    } catch (error) {
      // A conflict is what the condition is for: somebody appended the same by hand.
      if (!signal.aborted && !isMillraceError(error, "conflict") && !troubled) {
        troubled = true;
        onTrouble?.(error);
      }
    }
    const pause = count < FIRST_EVENTS ? FIRST_PAUSE_MS : PAUSE_MS;
    await delay(pause * (0.5 + random()), undefined, { signal }).catch(() => undefined);
  }
}
