import type { Query } from "millrace/umadb";

/** What the page shows: events of any of these types that carry all of these tags. Empty lists admit everything. */
export interface Filter {
  readonly types: readonly string[];
  readonly tags: readonly string[];
}

/** Shows every event. */
export const everything: Filter = { types: [], tags: [] };

/** Whether a filter admits everything. */
export function isEverything({ types, tags }: Filter): boolean {
  return types.length === 0 && tags.length === 0;
}

/** The query that the store evaluates; `undefined` for everything. */
export function toQuery(filter: Filter): Query | undefined {
  if (isEverything(filter)) return undefined;
  return { items: [{ types: [...filter.types], tags: [...filter.tags] }] };
}

/**
 * The entries of a comma-separated list, without blanks around them and without repeats. An entry in double quotes may
 * hold commas, and a double quote written twice.
 */
export function parseList(text: string): string[] {
  const entries = new Set<string>();
  for (const [, quoted, plain] of text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]+))/g)) {
    const entry = quoted?.replaceAll('""', '"') ?? plain?.trim() ?? "";
    if (entry !== "") entries.add(entry);
  }
  return [...entries];
}

/** The list as `parseList` reads it. */
export function formatList(entries: readonly string[]): string {
  return entries.map((entry) => (/^[\s"]|\s$|,/.test(entry) ? `"${entry.replaceAll('"', '""')}"` : entry)).join(", ");
}

/** The filter in plain words, for example `OrderPlaced or OrderPaid, tagged order:7 and vip`. */
export function describe({ types, tags }: Filter): string {
  const parts: string[] = [];
  if (types.length > 0) parts.push(types.join(" or "));
  if (tags.length > 0) parts.push(`tagged ${tags.join(" and ")}`);
  return parts.join(", ") || "all events";
}
