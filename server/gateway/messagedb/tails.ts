import type { Follower, Polling } from "./follower.js";
import { Tail } from "./tail.js";

/**
 * The ends of categories, streams and of the whole store, as they grow: one loop for each that is followed, however many
 * follow it.
 */
export class Tails {
  readonly #polling: Polling;
  readonly #tails = new Map<string, Tail>();

  constructor(polling: Polling) {
    this.#polling = polling;
  }

  /** Whether a follower may join at once. In `"$all"` it must have waited for gaps up to where the loop begins. */
  takes({ at, request: { source, gapTimeoutMs } }: Follower): boolean {
    const tail = this.#tails.get(keyOf(source, gapTimeoutMs));
    return source.kind !== "all" || (tail !== undefined && tail.from <= at);
  }

  join(follower: Follower): void {
    const { source, gapTimeoutMs } = follower.request;
    const key = keyOf(source, gapTimeoutMs);
    let tail = this.#tails.get(key);
    if (tail === undefined) {
      tail = new Tail(this.#polling, follower, () => this.#tails.delete(key));
      this.#tails.set(key, tail);
    }
    tail.add(follower);
  }
}

function keyOf(source: Follower["request"]["source"], gapTimeoutMs: number): string {
  return JSON.stringify(source.kind === "all" ? [source, gapTimeoutMs] : source);
}
