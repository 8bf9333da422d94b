import type { EventLog } from "../../server/dashboard/model/event-log.js";
import type { StoredEvent } from "../../server/dashboard/model/stored-event.js";

/** Events at the positions `first` to `last`, each with `bytes` of data. */
export function events(first: number, last: number, bytes = 2): StoredEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    position: BigInt(first + index),
    type: "Happened",
    tags: [],
    data: new Uint8Array(bytes),
    uuid: undefined,
    metadata: [],
    tracking: undefined,
  }));
}

/** The visible positions, as they are shown. */
export function positions(log: EventLog): bigint[] {
  return Array.from({ length: log.size }, (_, index) => log.at(index)?.position ?? -1n);
}
