import { MillraceError } from "../core/errors.js";
import type { MessageRow } from "../wire/message-row.js";
import { toMessageRow } from "./rows.js";
import { MESSAGE_COLUMNS } from "./sql.js";
import type { SqlExecutor } from "./sql-executor.js";
import { sqlState, toMessageDbError } from "./sql-errors.js";

/** What a query of one's own may name. All are bound, none is pasted. */
export interface CustomParameters {
  /** `$stream`: the name that is read. */
  readonly stream: string;
  /** `$position`: where it begins; inclusive, as the query should take it. */
  readonly position: bigint;
  /** `$limit`: the most messages; NULL, which `LIMIT` takes for no limit, for `Infinity`. */
  readonly limit: number;
  /** `$member`: of the consumer group; NULL without one. */
  readonly member?: number | undefined;
  /** `$size`: of the consumer group; NULL without one. */
  readonly size?: number | undefined;
}

const TYPES: Readonly<Record<keyof CustomParameters, string>> = { stream: "text", position: "bigint", limit: "bigint", member: "bigint", size: "bigint" };

/** What a message is made of; `data` and `metadata` may be text or jsonb. */
const NEEDED = ["id", "stream_name", "type", "position", "global_position", "data", "metadata", "time"];

/** Where a `$name` is none: strings, quoted names, comments and dollar quotes; then the names themselves. */
const TOKENS = /\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[^]*?\*\/|\$([a-z_]\w*)?\$[^]*?\$\1\$|\$([a-z]+)\b/gi;

/**
 * Runs a query of one's own. It is read as it stands, inside a query that takes its columns as text, so that it can
 * neither write nor be two.
 *
 * @throws {MillraceError} `invalid_argument`, naming the columns that are missing, or a `$name` that is none of
 *   {@link CustomParameters}; else the database's own refusal.
 */
export async function readCustom(sql: SqlExecutor, query: string, parameters: CustomParameters, signal?: AbortSignal): Promise<MessageRow[]> {
  const bound = bind(query, parameters);
  try {
    const { rows } = await sql.query(`SELECT ${MESSAGE_COLUMNS} FROM (\n${bound.text}\n) AS custom`, bound.values, signal);
    return rows.map(toMessageRow);
  } catch (error) {
    const missing = sqlState(error) === "42703" ? await missingColumns(sql, bound, signal) : [];
    if (missing.length === 0) throw error;
    throw new MillraceError("invalid_argument", `The query must give the columns ${NEEDED.join(", ")}; missing are ${missing.join(", ")}`, { system: "messagedb" });
  }
}

interface Bound { readonly text: string; readonly values: readonly (string | null)[] }

function bind(query: string, parameters: CustomParameters): Bound {
  const values: (string | null)[] = [];
  const places = new Map<string, string>();
  const text = query.replace(TOKENS, (token, _tag: unknown, name?: string) => {
    if (name === undefined) return token;
    if (!Object.hasOwn(TYPES, name)) {
      throw new MillraceError("invalid_argument", `The query names \`$${name}\`, known are ${Object.keys(TYPES).map((known) => `$${known}`).join(", ")}`, { system: "messagedb" });
    }
    const key = name as keyof CustomParameters;
    if (!places.has(key)) {
      const value = parameters[key];
      values.push(value === undefined || value === Infinity ? null : String(value));
      places.set(key, `($${values.length}::text::${TYPES[key]})`);
    }
    return places.get(key) as string;
  });
  return { text, values };
}

/** The needed columns that a query does not give; none when it fails for another reason. */
async function missingColumns(sql: SqlExecutor, { text, values }: Bound, signal?: AbortSignal): Promise<string[]> {
  const { columns } = await sql.query(`SELECT * FROM (\n${text}\n) AS custom LIMIT 0`, values, signal)
    .catch((error: unknown) => { throw toMessageDbError(error); });
  return NEEDED.filter((name) => !columns.includes(name));
}
