import { useSyncExternalStore } from "react";
import type { LiveFeed } from "millrace/live";
import type { ReceivedEvent } from "millrace/umadb";

/** The newest orders, how many a second, and how the connection is doing. */
export function Orders({ feed }: { feed: LiveFeed<ReceivedEvent> }) {
  const { items, rate, state, error } = useSyncExternalStore(feed.subscribe, feed.getSnapshot, feed.getServerSnapshot);
  return (
    <section>
      <p role="status">{error instanceof Error ? error.message : `${state.kind}, ${rate.toFixed(1)} a second`}</p>
      <button onClick={() => (state.kind === "paused" ? feed.resume() : feed.pause())}>{state.kind === "paused" ? "Go on" : "Pause"}</button>
      <ol>
        {items.map(({ position, event }) => <li key={String(position)}>{event.tags.join(" ")}</li>)}
      </ol>
    </section>
  );
}
