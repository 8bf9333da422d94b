import { randomUuid } from "millrace/internal/core/uuid";
import type { NewRecord } from "./record.js";
import type { EventStore } from "./store.js";

type FirstEvent = readonly [stream: string, type: string, data: string];

const STANDARD_PROJECTIONS = ["$streams", "$stream_by_category", "$by_category", "$by_event_type", "$by_correlation_id"];
const ONLY_WITH_USERS: FirstEvent = ["$$$user-admin", "$metadata", '{"$acl":{"$w":"$admins","$d":"$admins","$mw":"$admins"}}'];
const FIRST: readonly FirstEvent[] = [
  ["$$$scavenges", "$metadata", '{"$maxAge":2592000,"$acl":{"$r":"$ops","$w":[],"$d":[],"$mr":[],"$mw":[]}}'],
  ["$projections-$all", "$ProjectionsInitialized", ""],
  ...STANDARD_PROJECTIONS.map((name): FirstEvent => ["$projections-$all", "$ProjectionCreated", name]),
  ...STANDARD_PROJECTIONS.map((name): FirstEvent => [`$projections-${name}`, "$ProjectionUpdated", "{}"]),
];

/** What a fresh server has in its log already: whoever reads all of it must be ready for strangers' events. */
export function writeFirstEvents(store: EventStore, withUsers: boolean): void {
  const encoder = new TextEncoder();
  for (const [stream, type, data] of withUsers ? [ONLY_WITH_USERS, ...FIRST] : FIRST) {
    const record: NewRecord = { id: randomUuid(), type, isJson: data.startsWith("{"), data: encoder.encode(data), customMetadata: new Uint8Array(0) };
    store.write(stream, [record]);
  }
}
