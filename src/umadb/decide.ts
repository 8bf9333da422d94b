import { checkInteger, invalidArgument } from "../core/arguments.js";
import { isMillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { checkCallOptions } from "../carrier/call-options.js";
import type { UmaDb } from "./client.js";
import type { NewEvent, Query, ReceivedEvent, TrackingInfo } from "./types.js";

/** Options of {@link decide}. Its `timeoutMs` holds for each read (between two batches) and each append on its own. */
export interface DecideOptions extends CallOptions {
  /** How often the decision is made anew after a conflict; 5 by default, 0 for not at all. */
  retries?: number | undefined;
  /** Recorded with the events. A conflict of it is not retried: the work was done before. */
  trackingInfo?: TrackingInfo | undefined;
}

/** What a decision is made on. */
export interface DecisionContext {
  /** The store's last position at the time of the read; `undefined` when it is empty. */
  readonly head: bigint | undefined;
  /** 1 for the first time, counting up with each conflict. */
  readonly attempt: number;
}

/** What {@link decide} came to. */
export interface Decision<Data = Uint8Array> {
  /** The position of the last event; `undefined` when there was nothing to append. */
  readonly position: bigint | undefined;
  /** What the decision was: the events that were appended. */
  readonly events: readonly NewEvent<Data>[];
}

/**
 * Reads the events of a decision, makes it, and appends what it says on the condition that nothing which matches
 * `query` came in between; otherwise it starts again with the events that did.
 *
 * @param query What the decision depends on.
 * @param make Is given the events read; an empty list decides for nothing. May run several times. What it throws passes
 *   through.
 * @throws {AppendConditionError} There was a conflict each time. Nothing was recorded.
 * @throws {MillraceError} As {@link UmaDb.read} and {@link UmaDb.append}.
 */
export async function decide<Data = Uint8Array>(
  db: UmaDb<Data>,
  query: Query,
  make: (events: ReceivedEvent<Data>[], context: DecisionContext) => readonly NewEvent<Data>[] | Promise<readonly NewEvent<Data>[]>,
  options: DecideOptions = {},
): Promise<Decision<Data>> {
  checkDecide(db, query, make, options);
  const { retries = 5, trackingInfo, ...call } = options;
  for (let attempt = 1; ; attempt++) {
    const read = db.read(query, call);
    const seen = await read.toArray();
    const head = await read.head();
    const events = await make(seen, { head, attempt });
    if (Array.isArray(events) && events.length === 0) return { position: undefined, events };
    try {
      const position = await db.append(events, { ...call, trackingInfo, condition: { failIfEventsMatch: query, after: head } });
      return { position, events };
    } catch (error) {
      if (attempt > retries || !isConditionError(error)) throw error;
    }
  }
}

function isConditionError(error: unknown): boolean {
  return isMillraceError(error, "conflict") && error.name === "AppendConditionError";
}

function checkDecide(db: unknown, query: unknown, make: unknown, options: DecideOptions): void {
  if (typeof db !== "object" || db === null || typeof (db as UmaDb).read !== "function" || typeof (db as UmaDb).append !== "function") {
    throw invalidArgument("db", db, "must be a UmaDb", "umadb");
  }
  if (query === undefined) throw invalidArgument("query", query, "must say what the decision depends on", "umadb");
  if (typeof make !== "function") throw invalidArgument("make", make, "must be a function", "umadb");
  checkCallOptions(options, "umadb", ["retries", "trackingInfo"]);
  if (options.retries !== undefined) checkInteger("options.retries", options.retries, 0, 1_000_000, "umadb");
}
