import { MillraceError } from "../core/errors.js";
import type { LinkedSignal } from "../core/signal.js";
import { withAbortReason } from "./errors.js";

const DONE = { done: true, value: undefined } as const;

/**
 * A stream's messages, so that leaving their loop ends the call: the iterators that Connect makes have no `return()`.
 *
 * @param own What the call was made with; released at its end.
 */
export function leavable<T>(messages: AsyncIterable<T>, own: LinkedSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
      const iterator = messages[Symbol.asyncIterator]();
      let left = false;
      const ended = (error: unknown): unknown => {
        own.release();
        return withAbortReason(error, own.signal);
      };
      return {
        async next() {
          if (left) return DONE;
          try {
            const next = await iterator.next();
            if (next.done !== true && !left) return next;
          } catch (error) {
            if (!left) throw ended(error);
          }
          own.release();
          return DONE;
        },
        async return() {
          left = true;
          own.abort(new MillraceError("unavailable", "The stream was left"));
          return DONE;
        },
      };
    },
  };
}
