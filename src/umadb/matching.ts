import type { Event, Query } from "../../gen/static/umadb/v1/umadb.js";

/** Whether the server would find `event` by `query`; no query, and one without items, find everything. */
export function matches(query: Query | undefined, event: Event): boolean {
  if (query === undefined || query.items.length === 0) return true;
  return query.items.some(({ types, tags }) =>
    (types.length === 0 || types.includes(event.eventType)) && tags.every((tag) => event.tags.includes(tag)));
}
