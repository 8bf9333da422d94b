import { liveFeed, waitFor, type LiveFeed, type LiveSnapshot } from "millrace/live";
import type { SequencedEvent, UmaDb } from "millrace/umadb";

export async function watches(db: UmaDb): Promise<readonly SequencedEvent[]> {
  const feed: LiveFeed<SequencedEvent> = liveFeed((signal) => db.subscribe(undefined, { signal }), { capacity: 10 });
  const snapshot: LiveSnapshot<SequencedEvent> = feed.getSnapshot();
  const stop: () => void = feed.subscribe(() => snapshot.total);
  // @ts-expect-error Opened by a function, so that it can be opened again.
  liveFeed(db.subscribe());
  // @ts-expect-error A position is a bigint.
  await waitFor(feed, 7);
  await waitFor(feed, 7n, { timeoutMs: 1_000 });
  stop();
  return snapshot.items;
}
