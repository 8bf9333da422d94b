import { wrong } from "./check.js";
import type { EventFilter } from "./types.js";

/** A pattern for the types, and the names of streams, that are the system's own. */
export const SYSTEM_EVENTS = "\\$.*";

/** Patterns of a filter; `include` wins over `exclude`. Each must match the whole text. */
export interface FilterPatterns {
  /** Regular expressions of the server's (.NET) dialect: any of them must match. */
  readonly include?: readonly string[] | undefined;
  /** Regular expressions of the server's (.NET) dialect: none of them may match. */
  readonly exclude?: readonly string[] | undefined;
}

/** What {@link streamNames} takes. */
export interface StreamNamePatterns extends FilterPatterns {
  /** What names begin with, one or any of several; alone, and the cheapest for the server. */
  readonly prefix?: string | readonly string[] | undefined;
}

/** Events whose type matches. @throws {MillraceError} `invalid_argument` */
export function eventTypes(patterns: FilterPatterns): EventFilter {
  return { by: "type", regex: regexOf(patterns) };
}

/** Events in streams whose name matches. @throws {MillraceError} `invalid_argument` */
export function streamNames({ prefix, ...patterns }: StreamNamePatterns): EventFilter {
  if (prefix === undefined) return { by: "stream", regex: regexOf(patterns) };
  if (patterns.include !== undefined || patterns.exclude !== undefined) throw wrong("prefix", prefix, "must be given without include and exclude");
  return { by: "stream", prefixes: typeof prefix === "string" ? [prefix] : prefix };
}

/** Events whose type does not begin with `$`. */
export function excludeSystemEvents(): EventFilter {
  return { by: "type", regex: "^[^$].*" };
}

function regexOf({ include, exclude }: FilterPatterns): string {
  if (include !== undefined && include.length > 0) return `^(?:${anyOf(include, "include")})$`;
  if (exclude !== undefined && exclude.length > 0) return `^(?!(?:${anyOf(exclude, "exclude")})$)`;
  throw wrong("include", include, "must hold a pattern, or `exclude` must");
}

function anyOf(patterns: readonly string[], path: string): string {
  return patterns.map((pattern, index) => {
    if (typeof pattern !== "string" || pattern === "") throw wrong(`${path}[${index}]`, pattern, "must be a string that is not empty");
    return `(${pattern})`;
  }).join("|");
}
