import type { StoredRecord } from "../record.js";

const PREFIX = "$persistentsubscription-";

/** Where a group keeps how far it got. */
export const checkpointStreamOf = (source: string, group: string): string => `${PREFIX}${source}::${group}-checkpoint`;
/** Where a group's links to events lie that nobody could handle. */
export const parkedStreamOf = (source: string, group: string): string => `${PREFIX}${source}::${group}-parked`;

/** What readers of the log are not shown, since groups on it would otherwise feed on their own traces. */
export function isHiddenInAll({ stream }: StoredRecord): boolean {
  return stream.startsWith(`${PREFIX}$all::`) && (stream.endsWith("-checkpoint") || stream.endsWith("-parked"));
}
