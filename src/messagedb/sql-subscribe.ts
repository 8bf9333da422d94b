import type { MessageSource } from "./source.js";
import type { SqlExecutor } from "./sql-executor.js";
import { lastGlobalPosition, readPage, streamVersion } from "./sql.js";
import type { PageReader } from "./subscribe-poll.js";

/**
 * Transactions that may store messages at positions that were taken already: an insert locks the table before it takes
 * its position, and holds the lock to its end. Every role may see locks. A replica sees none of the primary's, so there
 * it is always possible that there are some.
 */
const WRITERS = `SELECT DISTINCT virtualtransaction::text FROM pg_catalog.pg_locks
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = 'message_store.messages'::regclass
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
UNION ALL SELECT 'replica' WHERE pg_catalog.pg_is_in_recovery()`;

/** Reads what subscriptions poll. */
export function sqlPageReader(sql: SqlExecutor): PageReader {
  return {
    page: (source, start, limit, signal) => readPage(sql, source, start, limit, signal),
    async writers(signal) {
      const { rows } = await sql.query(WRITERS, [], signal);
      return rows.map(([name]) => name as string);
    },
  };
}

/** The last position of a source, consumer group and correlation left out; `undefined` where it is empty. */
export async function lastPosition(sql: SqlExecutor, source: MessageSource, signal?: AbortSignal): Promise<bigint | undefined> {
  if (source.kind === "all") return lastGlobalPosition(sql, signal);
  if (source.kind === "stream") return streamVersion(sql, source.name, signal);
  const { rows } = await sql.query("SELECT max(global_position)::text FROM message_store.messages WHERE message_store.category(stream_name) = $1::text", [source.name], signal);
  const last = rows[0]?.[0] ?? null;
  return last === null ? undefined : BigInt(last);
}
