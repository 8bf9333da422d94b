import { checkInteger } from "millrace/internal/core/arguments";
import { MillraceError } from "millrace/internal/core/errors";
import { parseUuid } from "millrace/internal/core/uuid";
import { categoryName, MAX_INT64, text, wrong } from "millrace/internal/messagedb/check";
import type { SentMessage, Write } from "millrace/internal/messagedb/check-write";
import type { CustomParameters } from "millrace/internal/messagedb/custom-query";
import { REPORTS, type ReportName } from "millrace/internal/messagedb/reports";
import { toSource, type MessageSource } from "millrace/internal/messagedb/source";
import { GAP_TIMEOUT_MS } from "millrace/internal/messagedb/subscribe";
import { MAX_PAGE } from "millrace/internal/wire/messagedb";

// What requests may hold, and nothing else: a field that nobody reads is refused, so that no condition and no SQL can
// be meant to be in force. Errors name fields and kinds of values, never a value.

/** A request's fields before anything is known of them. */
export type Fields = Readonly<Record<string, unknown>>;

const MAX_MESSAGES = 10_000;
const MAX_SUBSCRIPTIONS = 1_024;
const MAX_WAIT_MS = 60_000;
const MAX_GAP_TIMEOUT_MS = 600_000;

/** Refuses what is no object, and fields that the operation does not have. */
export function fieldsOf(value: unknown, known: readonly string[], name = "body"): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "must be an object");
  if (Object.keys(value).every((key) => known.includes(key))) return value as Fields;
  // What the field is called is the caller's own text, of any length.
  throw new MillraceError("invalid_argument", `\`${name}\` has a field that is none here, known are ${known.join(", ") || "none"}`, { system: "messagedb" });
}

/** The fields of a query. Values are text, so numbers are read from it. */
export function fieldsOfQuery(query: URLSearchParams): Fields {
  // Without a prototype, so that `__proto__` is a field as any other.
  const fields = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of query) {
    if (Object.hasOwn(fields, name)) throw wrong("query", value, "must name each field once");
    fields[name] = ["limit", "member", "size"].includes(name) && /^\d{1,10}$/.test(value) ? Number(value) : value;
  }
  return fields;
}

/** A position as it travels. */
export function positionOf(value: unknown, name: string, min = 0n): bigint {
  const position = typeof value === "string" && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
  if (position === undefined || position < min || position > MAX_INT64) throw wrong(name, value, `must be a decimal string from ${min} to 2^63 - 1`);
  return position;
}

const SOURCE = ["name", "member", "size", "correlation"];

function sourceOf({ name, member, size, correlation }: Fields): MessageSource {
  const consumerGroup = member === undefined && size === undefined ? undefined : { member, size };
  return toSource(text(name, "name"), { consumerGroup, correlation });
}

/** A page that is asked for. */
export interface ReadRequest {
  readonly source: MessageSource;
  /** Inclusive. */
  readonly start: bigint;
  /** The most messages. */
  readonly limit: number;
}

/** `read`. */
export function readRequest(body: unknown): ReadRequest {
  const fields = fieldsOf(body, [...SOURCE, "start", "limit"]);
  return { source: sourceOf(fields), start: positionOf(fields["start"], "start"), limit: checkInteger("limit", fields["limit"], 1, MAX_PAGE, "messagedb") };
}

/** `write`. */
export function writeRequest(body: unknown): { write: Write; repeated: boolean } {
  const { stream, messages, expected, repeat } = fieldsOf(body, ["stream", "messages", "expected", "repeat"]);
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES) throw wrong("messages", messages, `must be an array of 1 to ${MAX_MESSAGES} messages`);
  if (repeat !== undefined && repeat !== true) throw wrong("repeat", repeat, "must be true, or left out");
  const sent = messages.map(sentMessage);
  if (new Set(sent.map(({ id }) => id)).size < sent.length) throw wrong("messages", messages, "must have different ids");
  const expectedVersion = expected === undefined ? undefined : positionOf(expected, "expected", -1n);
  return { write: { stream: text(stream, "stream"), messages: sent, expectedVersion }, repeated: repeat === true };
}

function sentMessage(row: unknown, at: number): SentMessage {
  const name = `messages[${at}]`;
  if (!Array.isArray(row) || row.length !== 4) throw wrong(name, row, "must be an array of id, type, data and metadata");
  const [id, type, data, metadata] = row as readonly unknown[];
  const uuid = typeof id === "string" ? parseUuid(id) : undefined;
  if (uuid === undefined) throw wrong(`${name}[0]`, id, "must be a uuid");
  return { id: uuid, type: text(type, `${name}[1]`), data: jsonText(data, `${name}[2]`), metadata: jsonText(metadata, `${name}[3]`) };
}

function jsonText(value: unknown, name: string): string | null {
  return value === null ? null : text(value, name);
}

/** `subscribe`. */
export function subscribeRequest(body: unknown): { items: SubscriptionRequest[]; waitMs: number | undefined } {
  const { subscriptions, waitMs } = fieldsOf(body, ["subscriptions", "waitMs"]);
  if (!Array.isArray(subscriptions) || subscriptions.length === 0 || subscriptions.length > MAX_SUBSCRIPTIONS) {
    throw wrong("subscriptions", subscriptions, `must be an array of 1 to ${MAX_SUBSCRIPTIONS} subscriptions`);
  }
  const items = subscriptions.map(subscription);
  if (new Set(items.map(({ s }) => s)).size < items.length) throw wrong("subscriptions", subscriptions, "must have different numbers");
  return { items, waitMs: waitMs === undefined ? undefined : checkInteger("waitMs", waitMs, 1, MAX_WAIT_MS, "messagedb") };
}

/** One subscription of a request. */
export interface SubscriptionRequest {
  /** What its lines carry. */
  readonly s: number;
  readonly source: MessageSource;
  /** Inclusive. */
  readonly start: bigint;
  readonly gapTimeoutMs: number;
}

function subscription(value: unknown, at: number): SubscriptionRequest {
  const name = `subscriptions[${at}]`;
  const fields = fieldsOf(value, [...SOURCE, "s", "start", "gapTimeoutMs"], name);
  const { s, start, gapTimeoutMs = GAP_TIMEOUT_MS } = fields;
  return {
    s: checkInteger(`${name}.s`, s, 0, Number.MAX_SAFE_INTEGER, "messagedb"),
    source: sourceOf(fields),
    start: positionOf(start, `${name}.start`),
    gapTimeoutMs: checkInteger(`${name}.gapTimeoutMs`, gapTimeoutMs, 0, MAX_GAP_TIMEOUT_MS, "messagedb"),
  };
}

/** `last-message`. */
export function lastMessageRequest(body: unknown): { stream: string; type: string | undefined } {
  const { stream, type } = fieldsOf(body, ["stream", "type"]);
  return { stream: text(stream, "stream"), type: type === undefined ? undefined : text(type, "type") };
}

/** `stream-version`. */
export function streamRequest(body: unknown): string {
  return text(fieldsOf(body, ["stream"])["stream"], "stream");
}

/** `stream-identifiers`. */
export function categoryRequest(body: unknown): string {
  return categoryName(fieldsOf(body, ["category"])["category"], "category");
}

/** `last-position`. */
export function positionRequest(body: unknown): MessageSource {
  return sourceOf(fieldsOf(body, ["name"]));
}

/** `report`. */
export function reportRequest(body: unknown): ReportName {
  const { name } = fieldsOf(body, ["name"]);
  if (typeof name !== "string" || !Object.hasOwn(REPORTS, name)) throw wrong("name", name, `must be one of ${Object.keys(REPORTS).join(", ")}`);
  return name as ReportName;
}

/** `query`. */
export function queryRequest(body: unknown): { query: string; parameters: CustomParameters } {
  const { query, stream = "", position = "0", limit = MAX_PAGE, member, size } = fieldsOf(body, ["query", "stream", "position", "limit", "member", "size"]);
  const optional = (value: unknown, name: string): number | undefined => (value === undefined ? undefined : checkInteger(name, value, 0, 32_767, "messagedb"));
  return {
    query: text(query, "query"),
    parameters: {
      stream: text(stream, "stream"),
      position: positionOf(position, "position"),
      limit: checkInteger("limit", limit, 0, MAX_PAGE, "messagedb"),
      member: optional(member, "member"),
      size: optional(size, "size"),
    },
  };
}
