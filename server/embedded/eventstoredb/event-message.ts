import { ReadResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { recordedEvent } from "./messages.js";
import { linkTarget, type StoredRecord } from "./record.js";
import type { EventStore } from "./store.js";

/** How a reader wants events. */
export interface EventForm {
  readonly structuredIds: boolean;
  readonly resolveLinks: boolean;
}

/** An event as an answer; a link is followed if its reader asked for it, whether or not its target is there. */
export function eventMessage(store: EventStore, record: StoredRecord, { structuredIds, resolveLinks }: EventForm): Uint8Array {
  const target = resolveLinks && record.type === "$>" ? linkTarget(record) : undefined;
  const resolved = target && store.readableAt(target.stream, target.number);
  const original = recordedEvent(record, structuredIds);
  const event = target === undefined ? original : resolved && recordedEvent(resolved, structuredIds);
  const link = target === undefined ? undefined : original;
  return encode({ $case: "event", value: { event, link, position: { $case: "commitPosition", value: record.position } } });
}

/** One answer of a read. */
export function encode(content: NonNullable<ReadResp["content"]>): Uint8Array {
  return ReadResp.encode({ content }).finish();
}
