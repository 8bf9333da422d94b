import type { AppendRequest, Event, MetadataEntry } from "millrace/internal/gen/static/umadb/v1/umadb";
import { fitsPage } from "millrace/internal/umadb/page-fit";
import { utf8Length } from "millrace/internal/umadb/utf8-length";
import { invalidArgument } from "./errors.js";

const MOST = 65_535;
const LONGEST_SOURCE = 255;

/**
 * The rules of the real server, in its order: the first failing event wins, tracking comes last.
 *
 * @throws {StatusError} INVALID_ARGUMENT. Nothing is stored then.
 */
export function validateAppend(request: AppendRequest): void {
  for (const event of request.events) validateEvent(event, request);
  const source = request.trackingInfo?.source;
  if (source === undefined) return;
  const bytes = utf8Length(source);
  if (bytes > LONGEST_SOURCE) throw invalidArgument(`tracking source too long (${bytes} > ${LONGEST_SOURCE})`);
}

function validateEvent(event: Event, { trackingInfo }: AppendRequest): void {
  const { tags, metadata } = event;
  if (tags.length > MOST) throw invalidArgument(`event has ${tags.length} tags, exceeding the maximum of ${MOST}`);
  if (metadata.length > MOST) throw invalidArgument(`metadata has ${metadata.length} entries, exceeding the maximum of ${MOST}`);
  if (new Set(metadata.map(({ key }) => key)).size < metadata.length) throw invalidArgument("metadata contains duplicate keys");
  metadata.forEach(validateEntry);
  if (!fitsPage(event, trackingInfo, utf8Length)) throw invalidArgument("event too large for page size");
}

function validateEntry({ key, value }: MetadataEntry): void {
  const keyBytes = utf8Length(key);
  if (keyBytes > MOST) throw invalidArgument(`metadata key has length ${keyBytes} bytes, exceeding the maximum of ${MOST}`);
  const valueBytes = utf8Length(value);
  if (valueBytes > MOST) throw invalidArgument(`metadata value for key '${key}' has length ${valueBytes} bytes, exceeding the maximum of ${MOST}`);
}
