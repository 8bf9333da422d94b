import type { SequencedEvent } from "millrace/umadb";

/** An event as this page keeps it: a copy that pins no network buffer. */
export interface StoredEvent {
  readonly position: bigint;
  readonly type: string;
  readonly tags: readonly string[];
  readonly data: Uint8Array;
  readonly uuid: string | undefined;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** The upstream source and position that was recorded together with the event. */
  readonly tracking: { readonly source: string; readonly position: bigint } | undefined;
}

/** The page's copy of an event that a read or a subscription handed out. */
export function toStoredEvent({ position, event, trackingInfo }: SequencedEvent): StoredEvent {
  return {
    position,
    type: event.type,
    tags: [...event.tags],
    data: event.data.slice(),
    uuid: event.uuid,
    metadata: Object.entries(event.metadata),
    tracking: trackingInfo && { source: trackingInfo.source, position: trackingInfo.position },
  };
}

/** Bytes of memory that keeping the event costs, roughly; what the list of kept events is bounded by. */
export function weightOf(event: StoredEvent): number {
  let characters = event.type.length;
  for (const tag of event.tags) characters += tag.length;
  for (const [key, value] of event.metadata) characters += key.length + value.length;
  return 256 + event.data.byteLength + 2 * characters;
}
