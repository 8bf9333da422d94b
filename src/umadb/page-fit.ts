import type { Event, TrackingInfo } from "../../gen/static/umadb/v1/umadb.js";

/** What one page of UmaDB holds for an event, in bytes, with its default page size of 4 096. */
const PAGE_BYTES = 4_087;

/** How many bytes UTF-8 takes for `text`, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // A surrogate pair is two units here and four bytes there: two each.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/**
 * Whether the store can keep the event. Payload and metadata may overflow to pages of their own, but type, tags and
 * tracking source may not. Exact to the byte; an older server does not check it and ends itself on such an event.
 */
export function fitsPage(event: Event, tracking: TrackingInfo | undefined): boolean {
  const tags = event.tags.reduce((sum, tag) => sum + 2 + utf8Length(tag), 0);
  const both = utf8Length(event.eventType) + tags + (event.uuid === "" ? 0 : 16) + (tracking === undefined ? 0 : 12 + utf8Length(tracking.source));
  const metadata = event.metadata.reduce((sum, { key, value }) => sum + 4 + utf8Length(key) + utf8Length(value), event.metadata.length === 0 ? 0 : 2);
  const inline = 17 + both + event.data.length + metadata;
  const overflowing = 31 + both + (event.metadata.length === 0 ? 0 : 8);
  return inline <= PAGE_BYTES || overflowing <= PAGE_BYTES;
}
