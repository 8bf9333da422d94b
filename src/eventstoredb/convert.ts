import { list, name, record, wrong } from "./check.js";
import type { EventFilter } from "./types.js";

/** Checks a filter. */
export function toFilter(value: unknown, path: string): EventFilter | undefined {
  if (value === undefined) return undefined;
  const { by, regex, prefixes } = record(value, path, ["by", "regex", "prefixes"]);
  if (by !== "type" && by !== "stream") throw wrong(`${path}.by`, by, 'must be "type" or "stream"');
  if ((regex === undefined) === (prefixes === undefined)) throw wrong(path, value, "must have either `regex` or `prefixes`");
  if (regex !== undefined) return { by, regex: name(regex, `${path}.regex`) };
  return { by, prefixes: list(prefixes, `${path}.prefixes`).map((prefix, index) => name(prefix, `${path}.prefixes[${index}]`)) };
}
