import type { EventStoreDb, EventStoreDbOptions, ReceivedEvent } from "millrace/eventstoredb";
import { binaryEvent, jsonEvent } from "millrace/eventstoredb";

/** Where the specification runs. */
export interface EventStoreDbBackend {
  readonly name: string;
  /** Opens the store that all tests share; each makes streams of its own. */
  open(): Promise<{ options: EventStoreDbOptions; close(): Promise<void> }>;
}

/** What the parts of the specification are given. */
export interface SpecContext {
  /** The client that all tests share. */
  readonly client: () => EventStoreDb;
  /** A name that no other test has. */
  readonly stream: () => string;
}

/** Events whose payload counts up from `first`. */
export function numbered(count: number, first = 0, type = "Counted"): ReturnType<typeof jsonEvent>[] {
  return Array.from({ length: count }, (_, index) => jsonEvent({ type, data: { n: first + index } }));
}

/** A link to an event. */
export function linkTo(stream: string, revision: bigint): ReturnType<typeof binaryEvent> {
  return binaryEvent({ type: "$>", data: new TextEncoder().encode(`${revision}@${stream}`) });
}

/** Takes `count` events and leaves the iteration open. */
export async function takeFrom(events: AsyncIterator<ReceivedEvent>, count: number): Promise<ReceivedEvent[]> {
  const taken: ReceivedEvent[] = [];
  while (taken.length < count) {
    const { done, value } = await events.next();
    if (done === true) throw new Error(`the subscription ended after ${taken.length} of ${count} events`);
    taken.push(value);
  }
  return taken;
}
