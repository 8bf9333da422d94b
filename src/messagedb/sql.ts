import type { MessageRow } from "../wire/message-row.js";
import { toMessageRow } from "./rows.js";
import type { MessageSource } from "./source.js";
import type { SqlExecutor } from "./sql-executor.js";

/**
 * A message's columns as text, in the order of {@link MessageRow}. The time has no zone and is in UTC; taken as a number
 * no driver reads it as local time. A double holds its microseconds until the year 2242, and is had for half the work.
 */
export const MESSAGE_COLUMNS =
  "id::text, stream_name::text, type::text, position::text, global_position::text, data::text, metadata::text, (date_part('epoch', time) * 1000000)::bigint::text";

/** Rows keep the order of the query inside. One array of arrays is what PostgreSQL writes as JSON with least work. */
const PAGE = `count(*)::text, min(global_position) || '-' || max(global_position),
  '{"messages":' || coalesce(to_json(array_agg(ARRAY[${MESSAGE_COLUMNS}]))::text, '[]') || '}'`;

/** A page as the database wrote it: who only passes it on need not look into it. */
export interface PageJson {
  /** `{"messages":[…]}` with {@link MessageRow}s, as text or in UTF-8. */
  readonly json: string | Uint8Array;
  readonly count: number;
  /** The global positions that its first and its last message have; empty for no messages. */
  readonly ends: string;
  /** Where the next page begins; empty for no messages. */
  readonly next: string;
}

/**
 * At most `limit` messages from `start` on, inclusive, in ascending order.
 *
 * Conditions in SQL are no parameter here, because Message DB pastes them into its statement as they are.
 */
export async function readPage(sql: SqlExecutor, source: MessageSource, start: bigint, limit: number, signal?: AbortSignal): Promise<MessageRow[]> {
  const { rows: [page] } = await sql.query(...pageQuery(source, start, limit), signal);
  return (JSON.parse(page?.[3] as string) as { messages: MessageRow[] }).messages;
}

/** As {@link readPage}. One text is least work for the database, for the driver that takes it apart and for whoever parses it. */
export async function readPageJson(sql: SqlExecutor, source: MessageSource, start: bigint, limit: number): Promise<PageJson> {
  const query = pageQuery(source, start, limit);
  const [next, count, ends, json] = (sql.bytes === undefined ? (await sql.query(...query)).rows[0] : await sql.bytes(...query)) ?? [];
  return { json: json as string | Uint8Array, count: Number(textOf(count)), ends: textOf(ends), next: textOf(next) };
}

function textOf(value: string | Uint8Array | null | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value ?? "";
}

function pageQuery(source: MessageSource, start: bigint, limit: number): [text: string, parameters: (string | null)[]] {
  const { from, parameters } = selection(source);
  const place = source.kind === "stream" ? "position" : "global_position";
  return [`SELECT (max(${place}) + 1)::text, ${PAGE} FROM (SELECT * FROM ${from}) AS page`, [String(start), String(limit), ...parameters]];
}

/** Where the messages come from; `$1` is the first position and `$2` the most messages. */
function selection(source: MessageSource): { from: string; parameters: (string | null)[] } {
  switch (source.kind) {
    case "stream":
      return { from: "message_store.get_stream_messages($3::text, $1::text::bigint, $2::text::bigint)", parameters: [source.name] };
    case "category": {
      const { name, correlation, consumerGroup } = source;
      return {
        from: "message_store.get_category_messages($3::text, $1::text::bigint, $2::text::bigint, $4::text, $5::text::bigint, $6::text::bigint)",
        parameters: [name, correlation ?? null, parameterOf(consumerGroup?.member), parameterOf(consumerGroup?.size)],
      };
    }
    case "all":
      return { from: "message_store.messages WHERE global_position >= $1::text::bigint ORDER BY messages.global_position LIMIT $2::text::bigint", parameters: [] };
  }
}

/** The message with the highest position in a stream, of that type if one is given; `undefined` where there is none. */
export async function readLastMessage(sql: SqlExecutor, stream: string, type: string | undefined, signal?: AbortSignal): Promise<MessageRow | undefined> {
  const { rows: [row] } = await sql.query(`SELECT ${MESSAGE_COLUMNS} FROM message_store.get_last_stream_message($1::text, $2::text)`, [stream, type ?? null], signal);
  return row && toMessageRow(row);
}

/** The position of a stream's last message; `undefined` where there is none. */
export async function streamVersion(sql: SqlExecutor, stream: string, signal?: AbortSignal): Promise<bigint | undefined> {
  const version = await single(sql, "SELECT message_store.stream_version($1::text)::text", [stream], signal);
  return version === null ? undefined : BigInt(version);
}

/** The highest global position that can be seen; `undefined` for an empty store. */
export async function lastGlobalPosition(sql: SqlExecutor, signal?: AbortSignal): Promise<bigint | undefined> {
  const position = await single(sql, "SELECT max(global_position)::text FROM message_store.messages", [], signal);
  return position === null ? undefined : BigInt(position);
}

/** The ids of a category's streams, each once, sorted by their bytes. */
export async function streamIdentifiers(sql: SqlExecutor, category: string, signal?: AbortSignal): Promise<string[]> {
  const { rows } = await sql.query(
    `SELECT DISTINCT message_store.id(stream_name)::text COLLATE "C" FROM message_store.messages
     WHERE message_store.category(stream_name) = $1::text AND message_store.id(stream_name) <> '' ORDER BY 1`,
    [category], signal,
  );
  return rows.map(([id]) => id as string);
}

/** The version of the store's schema. */
export async function messageStoreVersion(sql: SqlExecutor, signal?: AbortSignal): Promise<string> {
  return (await single(sql, "SELECT message_store.message_store_version()::text", [], signal)) as string;
}

async function single(sql: SqlExecutor, text: string, parameters: readonly (string | null)[], signal?: AbortSignal): Promise<string | null> {
  const { rows } = await sql.query(text, parameters, signal);
  return rows[0]?.[0] ?? null;
}

function parameterOf(value: number | undefined): string | null {
  return value === undefined ? null : String(value);
}
