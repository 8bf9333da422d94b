import type { Event, TrackingInfo } from "../../gen/static/umadb/v1/umadb.js";

/** What one page of UmaDB holds for an event, in bytes, with its default page size of 4 096. */
const PAGE_BYTES = 4_087;

/** What an event takes at most there beside type, tags and tracking source, when payload and metadata overflow. */
const MOST_BESIDE = 31 + 16 + 12 + 8;

/**
 * Whether the store can keep the event. Payload and metadata may overflow to pages of their own, but type, tags and
 * tracking source may not. Exact to the byte; an older server does not check it and ends itself on such an event.
 *
 * @param utf8Length Handed over: see `append-tools.ts`.
 */
export function fitsPage(event: Event, tracking: TrackingInfo | undefined, utf8Length: (text: string) => number): boolean {
  // A character has at most three bytes, which is all that has to be known of most events.
  const characters = event.tags.reduce((sum, tag) => sum + 1 + tag.length, event.eventType.length + (tracking?.source.length ?? 0));
  if (3 * characters + MOST_BESIDE <= PAGE_BYTES) return true;
  const tags = event.tags.reduce((sum, tag) => sum + 2 + utf8Length(tag), 0);
  const both = utf8Length(event.eventType) + tags + (event.uuid === "" ? 0 : 16) + (tracking === undefined ? 0 : 12 + utf8Length(tracking.source));
  const metadata = event.metadata.reduce((sum, { key, value }) => sum + 4 + utf8Length(key) + utf8Length(value), event.metadata.length === 0 ? 0 : 2);
  const inline = 17 + both + event.data.length + metadata;
  const overflowing = 31 + both + (event.metadata.length === 0 ? 0 : 8);
  return inline <= PAGE_BYTES || overflowing <= PAGE_BYTES;
}
