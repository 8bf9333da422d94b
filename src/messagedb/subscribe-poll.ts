import type { ResumeClock } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import type { MessageRow } from "../wire/message-row.js";
import type { MessageSource } from "./source.js";
import type { FeedPart, MessageFeed } from "./subscribe.js";

/** What a feed that asks again and again asks. */
export interface PageReader {
  /** The first messages of a source from `start`, inclusive, in order. */
  page(source: MessageSource, start: bigint, limit: number, signal: AbortSignal): Promise<readonly MessageRow[]>;
  /** The transactions that may have taken positions and have not ended, each by a name that no other gets. */
  writers(signal: AbortSignal): Promise<readonly string[]>;
}

/** How a {@link pollFeed} asks. */
export interface PollOptions {
  readonly source: MessageSource;
  /** Inclusive. */
  readonly start: bigint;
  /** The most messages in a page. */
  readonly limit: number;
  /** From one question to the next while there is nothing new, in milliseconds. */
  readonly pollMs: number;
  /** How long a gap in `"$all"` is waited for, in milliseconds. */
  readonly gapTimeoutMs: number;
  readonly signal: AbortSignal;
  /** The platform's by default; one whose pauses end when something was written need not wait for the next question. */
  readonly clock?: ResumeClock | undefined;
}

/**
 * A feed that asks for the next page, at once after a full one, else every `pollMs`.
 *
 * Within a category and a stream messages become visible in the order of their positions, since their writers queue. In
 * `"$all"` they do not: a transaction of another category may hold a lower position and commit later. So there a gap
 * stops the feed until every transaction that may hold one of its positions has ended, which is when it can be known to
 * stay empty, or until `gapTimeoutMs` is over, which is told as a {@link Gap}.
 */
export function pollFeed(reader: PageReader, options: PollOptions): MessageFeed {
  const { source, limit, pollMs, signal, clock = platformClock } = options;
  const all = source.kind === "all";
  const placeOf = (row: MessageRow): bigint => BigInt(row[source.kind === "stream" ? 3 : 4]);
  const gaps = gapRule(reader, options, clock);
  let at = all && options.start < 1n ? 1n : options.start;
  let askedAt = -Infinity;
  let live = false;
  let more = false;

  const next = async (): Promise<FeedPart> => {
    for (;;) {
      const pauseMs = more ? 0 : askedAt + pollMs - clock.now();
      if (pauseMs > 0) await clock.pause(pauseMs, signal);
      signal.throwIfAborted();
      askedAt = clock.now();
      const page = await reader.page(source, at, limit, signal);
      more = page.length >= limit;
      if (page.length === 0) {
        if (live) continue;
        live = true;
        return "live";
      }
      const known = all ? gaps.known(page.map(placeOf), at) : page.length;
      if (known > 0) {
        more ||= known < page.length;
        at = placeOf(page[known - 1] as MessageRow) + 1n;
        return known === page.length ? page : page.slice(0, known);
      }
      const to = placeOf(page[0] as MessageRow) - 1n;
      const outcome = await gaps.look(to, placeOf(page.at(-1) as MessageRow));
      more = outcome !== "wait";
      if (outcome !== "pass") continue;
      const gap = { from: at, to };
      at = to + 1n;
      return gap;
    }
  };
  return { next, close: () => {} };
}

/** What is known of the gaps in front of a feed. */
interface GapRule {
  /** How many of the positions, from the first, can be taken: those before the first gap that may yet be filled. */
  known(places: readonly bigint[], at: bigint): number;
  /** Looks into the gap before the first message. `again`: it is settled, read again; `pass`: give it up. */
  look(to: bigint, seenTo: bigint): Promise<"again" | "wait" | "pass">;
}

function gapRule(reader: PageReader, { gapTimeoutMs, signal }: PollOptions, clock: ResumeClock): GapRule {
  /** What is missing up to here stays missing. */
  let settledTo = 0n;
  /** What was missing below `seenTo` at `since` may be held by `holders` alone: whoever took a position later took a higher one. */
  let watch: { readonly seenTo: bigint; readonly since: number; readonly holders: Set<string> } | undefined;
  return {
    known(places, at) {
      let expected = at;
      let known = 0;
      for (const place of places) {
        if (place !== expected && place - 1n > settledTo) break;
        expected = place + 1n;
        known += 1;
      }
      return known;
    },
    async look(to, seenTo) {
      const since = clock.now();
      const writers = await reader.writers(signal);
      if (watch === undefined || to > watch.seenTo) watch = { seenTo, since, holders: new Set(writers) };
      for (const holder of watch.holders) if (!writers.includes(holder)) watch.holders.delete(holder);
      if (watch.holders.size === 0) {
        settledTo = watch.seenTo;
        watch = undefined;
        return "again";
      }
      return since - watch.since >= gapTimeoutMs ? "pass" : "wait";
    },
  };
}
