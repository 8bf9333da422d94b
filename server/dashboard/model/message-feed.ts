import { isMillraceError } from "millrace";
import type { Message, MessageDb } from "millrace/messagedb";
import type { FeedState } from "./live-feed.js";

/** Where a {@link followMessages} delivers. */
export interface MessageSink {
  /** Messages in their order; the first of them may be older than the page. */
  add(messages: readonly Message[]): void;
  state(state: FeedState): void;
}

/** What it needs of a client. */
export type MessageFeedSource = Pick<MessageDb, "subscribe" | "streamVersion">;

/** How far behind the end of the store it begins, so that a quiet category has something to show. */
const BACK = 20_000n;

/**
 * Follows a category, a stream or `"$all"` from a little before its end. The subscription comes back by itself.
 *
 * @param signal Ends it.
 */
export async function followMessages(db: MessageFeedSource, name: string, sink: MessageSink, signal: AbortSignal): Promise<void> {
  sink.state({ kind: "connecting" });
  try {
    const end = (name.includes("-") ? await db.streamVersion(name, { signal }) : await endOfStore(db, signal)) ?? 0n;
    const subscription = db.subscribe(name, { start: end > BACK ? end - BACK : 0n, signal });
    subscription.onStateChange((state) => {
      if (state.kind === "waiting") sink.state({ kind: "waiting", retryAt: state.retryAt, cause: state.cause });
      else if (state.kind !== "closed") sink.state({ kind: state.kind });
    });
    for await (const messages of subscription.batches()) sink.add(messages);
  } catch (cause) {
    if (!signal.aborted) sink.state({ kind: "failed", cause });
  }
}

/** The last global position, which a subscription to the end begins after. */
async function endOfStore(db: MessageFeedSource, signal: AbortSignal): Promise<bigint | undefined> {
  const probe = db.subscribe("$all", { after: "end", signal });
  try {
    await probe.opened;
    return probe.position;
  } finally {
    await probe.close();
  }
}

/** Whether a gateway without Message DB answered. */
export function hasNoMessageDb(error: unknown): boolean {
  return isMillraceError(error, "unsupported") || isMillraceError(error, "not_found");
}
