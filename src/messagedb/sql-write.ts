import { isMillraceError, MillraceError } from "../core/errors.js";
import type { SentMessage, Write } from "./check-write.js";
import { DuplicateMessageError, WrongExpectedVersionError } from "./errors.js";
import { streamVersion } from "./sql.js";
import type { SqlExecutor } from "./sql-executor.js";
import { sqlState, toMessageDbError, violated } from "./sql-errors.js";

/**
 * One statement, so that it is one transaction by itself: each call of the function sees what the calls before it wrote,
 * and the category's lock, held to the end, lets no other writer in between. Only the first message needs to look at
 * the stream's version. Data and metadata travel as text inside the JSON, so that a broken one is an error and never a
 * part of another message.
 */
const WRITE = `SELECT max(message_store.write_message(m->>'id', $1::text, m->>'type', (m->>'data')::jsonb, (m->>'metadata')::jsonb,
  CASE WHEN n = 1 THEN $3::text::bigint END))::text
FROM json_array_elements($2::text::json) WITH ORDINALITY AS sent(m, n)`;

/** How many of the messages are stored, how many of those as they were sent, the last position, and an id in other use. */
const FIND = `SELECT count(s.id)::text, (count(*) FILTER (WHERE same))::text, max(s.position)::text, min(s.id::text) FILTER (WHERE NOT same)
FROM json_array_elements($2::text::json) AS sent(m)
LEFT JOIN message_store.messages s ON s.id = (m->>'id')::uuid
CROSS JOIN LATERAL (SELECT s.stream_name = $1::text AND s.type = m->>'type'
  AND s.data IS NOT DISTINCT FROM (m->>'data')::jsonb AND s.metadata IS NOT DISTINCT FROM (m->>'metadata')::jsonb) AS compared(same)`;

/**
 * Writes the messages: all or none.
 *
 * @param repeated Whether they may have been written before, by a try whose answer was lost. What is stored as it was
 *   sent then counts as written.
 * @returns The position of the last message.
 * @throws {WrongExpectedVersionError} Nothing was written.
 * @throws {DuplicateMessageError} Nothing was written.
 * @throws {MillraceError} With `applied: "unknown"` they may have been written.
 */
export async function writeMessages(sql: SqlExecutor, write: Write, repeated = false, signal?: AbortSignal): Promise<bigint> {
  const parameters = [write.stream, JSON.stringify(write.messages)];
  const earlier = repeated ? await findWritten(sql, write.messages, parameters, signal) : undefined;
  if (earlier !== undefined) return earlier;
  try {
    const { rows } = await sql.query(WRITE, [...parameters, write.expectedVersion === undefined ? null : String(write.expectedVersion)], signal);
    const position = rows[0]?.[0] ?? undefined;
    if (position === undefined) throw new MillraceError("internal", "The database answered a write without a position", { system: "messagedb", applied: "unknown" });
    return BigInt(position);
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    const error = await refusalOf(sql, write, cause, signal);
    // The first try was still under way when it was looked for, and has been carried out before this one.
    const late = repeated && isMillraceError(error, "conflict") ? await findWritten(sql, write.messages, parameters, signal) : undefined;
    if (late !== undefined) return late;
    throw error;
  }
}

/**
 * The last position of messages that are all stored as they were sent; `undefined` where none is.
 *
 * @throws {DuplicateMessageError} Some of them are not these.
 */
async function findWritten(sql: SqlExecutor, messages: readonly SentMessage[], parameters: readonly string[], signal?: AbortSignal): Promise<bigint | undefined> {
  const { rows } = await sql.query(FIND, parameters, signal);
  const [found, same, last, other] = rows[0] as readonly (string | null)[];
  if (found === "0") return undefined;
  if (found === String(messages.length) && same === found) return BigInt(last as string);
  throw new DuplicateMessageError(other ?? undefined);
}

async function refusalOf(sql: SqlExecutor, { stream, messages, expectedVersion }: Write, cause: unknown, signal?: AbortSignal): Promise<unknown> {
  const expected = expectedVersion === undefined || expectedVersion === -1n ? "no_stream" : expectedVersion;
  const state = sqlState(cause);
  const { message, detail } = Object(cause) as { message?: unknown; detail?: unknown };
  const refused = state === "P0001" ? /^Wrong expected version: .*Stream Version: (-?\d+)\)$/s.exec(String(message)) : null;
  if (refused !== null) return new WrongExpectedVersionError({ stream, expected, actual: refused[1] === "-1" ? undefined : BigInt(refused[1] as string) });
  // A transaction with an older snapshot, or a writer that inserts by itself, took the position.
  if (violated(cause, "messages_stream")) return new WrongExpectedVersionError({ stream, expected, actual: await streamVersion(sql, stream, signal) });
  if (!violated(cause, "messages_id")) return toMessageDbError(cause, "unknown");
  const known = messages.length === 1 ? messages[0]?.id : /\(([0-9a-f-]{36})\)/.exec(String(detail))?.[1];
  return new DuplicateMessageError(known);
}
