import { SequencedEvent } from "millrace/internal/gen/static/umadb/v1/umadb";

const DEFAULT_BATCH = 1_024;
const LARGEST_BATCH = 4_096;
/** The real server cuts a batch into messages of this size, so that a receiver with a limit of 4 MiB can take them. */
const MESSAGE_BYTES = 3_670_016;
const BYTES_BESIDE_EVENT = 11;

/** The batch size that a request gets: 1 to 4 096, 1 024 by default. */
export function clampBatchSize(asked: number | undefined): number {
  return Math.min(LARGEST_BATCH, Math.max(1, asked ?? DEFAULT_BATCH));
}

/** One message: its events, and whether it ends its batch. */
export interface Batch {
  readonly events: SequencedEvent[];
  readonly last: boolean;
}

/** Events in messages: batches of `size`, each cut where it grows too large for one message. Lazy. */
export function* batchesOf(found: Iterable<SequencedEvent>, size: number): Generator<Batch> {
  let batch: SequencedEvent[] = [];
  for (const event of found) {
    if (batch.push(event) < size) continue;
    yield* messagesOf(batch);
    batch = [];
  }
  if (batch.length > 0) yield* messagesOf(batch);
}

function* messagesOf(batch: readonly SequencedEvent[]): Generator<Batch> {
  let events: SequencedEvent[] = [];
  let bytes = 0;
  for (const event of batch) {
    const size = SequencedEvent.encode(event).finish().length + BYTES_BESIDE_EVENT;
    if (events.length > 0 && bytes + size > MESSAGE_BYTES) {
      yield { events, last: false };
      events = [];
      bytes = 0;
    }
    events.push(event);
    bytes += size;
  }
  yield { events, last: true };
}
