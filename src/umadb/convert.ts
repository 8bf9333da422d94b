import type { Query as WireQuery } from "../../gen/static/umadb/v1/umadb.js";
import { list, optional, record, text, texts } from "./check.js";

/** Checks a query and turns it into the wire's; no query stays none. */
export function toWireQuery(query: unknown, path: string): WireQuery | undefined {
  return optional(query, (given) => ({
    items: list(record(given, path, ["items"]).items, `${path}.items`).map((item, index) => {
      const at = `${path}.items[${index}]`;
      const { types, tags } = record(item, at, ["types", "tags"]);
      return { types: texts(types, `${at}.types`), tags: texts(tags, `${at}.tags`) };
    }),
  }));
}

/** Checks the name of a tracking source. */
export function toSource(source: unknown, path: string): string {
  return text(source, path, 255);
}
