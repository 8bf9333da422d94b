import { callOptions, categoryName, consumerGroup, count, MAX_INT64, position, streamName, text, wrong } from "./check.js";
import type { ReadCategoryOptions, ReadOptions, ReadStreamOptions } from "./options.js";
import type { ConsumerGroup } from "./types.js";

/** Which messages are read, wherever it begins. */
export type MessageSource =
  | { readonly kind: "stream"; readonly name: string }
  | { readonly kind: "category"; readonly name: string; readonly consumerGroup?: ConsumerGroup | undefined; readonly correlation?: string | undefined }
  | { readonly kind: "all" };

/** A read whose arguments are right. */
export interface ReadRange {
  readonly source: MessageSource;
  /** Inclusive: a position in a stream, a global position else. */
  readonly start: bigint;
  /** The most messages in all; `Infinity` for all of them. */
  readonly limit: number;
  /** Whether one page is all there is, however long it is. */
  readonly once?: boolean | undefined;
}

/** The name that stands for every message of the store. */
export const ALL = "$all";

const RANGE = ["start", "limit"];
const GROUP = ["consumerGroup", "correlation"];
const DEFAULT_LIMIT = 1_000;

/** The arguments of `readStream()`. */
export function toStreamRange(stream: string, options: ReadStreamOptions): ReadRange {
  callOptions(options, RANGE);
  return { source: { kind: "stream", name: streamName(stream, "stream") }, ...toRange(options) };
}

/** The arguments of `readCategory()`. */
export function toCategoryRange(category: string, options: ReadCategoryOptions): ReadRange {
  callOptions(options, [...RANGE, ...GROUP]);
  return { source: toCategory(categoryName(category, "category"), options), ...toRange(options) };
}

/** The arguments of `read()`. @param more Names of options that are looked at elsewhere. */
export function toReadRange(name: string, options: ReadOptions, more: readonly string[] = []): ReadRange {
  callOptions(options, [...RANGE, ...GROUP, "after", ...more]);
  const { start, after } = options;
  const source = toSource(text(name, "name"), options);
  if (after !== undefined && source.kind !== "all") throw wrong("options.after", after, `must be left out unless the name is "${ALL}"; a position here is \`start\``);
  if (start !== undefined && after !== undefined) throw wrong("options.start", start, "must be left out beside `after`");
  const range = toRange(options);
  return { source, ...range, start: after === undefined ? range.start : position(after, "options.after", 0n, MAX_INT64 - 1n) + 1n };
}

/** A source as it travels. */
export function wireSource(source: MessageSource): { name: string; member?: number | undefined; size?: number | undefined; correlation?: string | undefined } {
  if (source.kind === "all") return { name: ALL };
  return source.kind === "stream" ? { name: source.name } : { name: source.name, correlation: source.correlation, ...source.consumerGroup };
}

/** What a name stands for, as `read()` and `subscribe()` take it. */
export function toSource(name: string, options: { readonly consumerGroup?: unknown; readonly correlation?: unknown }): MessageSource {
  if (name !== ALL && !name.includes("-")) return toCategory(name, options);
  for (const option of ["consumerGroup", "correlation"] as const) {
    if (options[option] !== undefined) throw wrong(`options.${option}`, options[option], "must be left out unless the name is a category's");
  }
  return name === ALL ? { kind: "all" } : { kind: "stream", name };
}

function toCategory(name: string, options: { readonly consumerGroup?: unknown; readonly correlation?: unknown }): MessageSource {
  return {
    kind: "category",
    name,
    consumerGroup: consumerGroup(options.consumerGroup, "options.consumerGroup"),
    correlation: options.correlation === undefined ? undefined : categoryName(options.correlation, "options.correlation"),
  };
}

function toRange(options: ReadStreamOptions): { start: bigint; limit: number } {
  return { start: position(options.start, "options.start", 0n), limit: count(options.limit, "options.limit", DEFAULT_LIMIT) };
}
