import { MillraceError } from "millrace/internal/core/errors";
import { isMillraceError } from "millrace";
import { postgresExecutor, type PostgresJs } from "millrace/internal/messagedb/direct/postgres-executor";
import { messageStoreVersion, streamVersion } from "millrace/internal/messagedb/sql";
import { sqlState, toMessageDbError } from "millrace/internal/messagedb/sql-errors";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import postgres from "postgres";

/** The database behind the proxy. */
export interface Database {
  /** For calls. */
  readonly sql: SqlExecutor;
  /** For what subscriptions poll; never waits for a call. */
  readonly polls: SqlExecutor;
  /** Closes the connections, also those that are busy. */
  close(): Promise<void>;
}

/** How PostgreSQL is connected to. */
export interface PostgresSettings {
  readonly url: string;
  readonly maxConnections: number;
  readonly statementTimeoutMs: number;
}

/** Connections for subscriptions beside those for calls: few are enough, since loops are shared. */
const POLL_CONNECTIONS = 2;
const CONNECT_SECONDS = 10;
const CLOSE_SECONDS = 1;

/**
 * PostgreSQL by postgres.js; connects when it is used. Each connection is that of the role `message_store`, whoever it
 * logs in as, has its schema in the search path, and has conditions in SQL switched off from its start: what switches
 * them on later would stay for whoever gets the connection next.
 */
export function postgresDatabase({ url, maxConnections, statementTimeoutMs }: PostgresSettings): Database {
  const pool = (max: number): ReturnType<typeof postgres> => postgres(url, {
    max,
    connect_timeout: CONNECT_SECONDS,
    onnotice: () => undefined,
    connection: {
      application_name: "millrace",
      search_path: "message_store",
      role: "message_store",
      statement_timeout: statementTimeoutMs,
      "message_store.sql_condition": "off",
    },
  });
  const [calls, polls] = [pool(maxConnections), pool(POLL_CONNECTIONS)];
  return {
    sql: postgresExecutor(calls as unknown as PostgresJs),
    polls: postgresExecutor(polls as unknown as PostgresJs),
    async close() {
      await Promise.all([calls.end({ timeout: CLOSE_SECONDS }), polls.end({ timeout: CLOSE_SECONDS })]);
    },
  };
}

const VERSION = /^1\.([3-9]|\d\d)/;

/**
 * Asks the database whether it can be served.
 *
 * @throws {MillraceError} `unavailable` when it cannot be reached now; else what its operator must change.
 */
export async function checkDatabase(sql: SqlExecutor): Promise<void> {
  const version = await messageStoreVersion(sql).catch((error: unknown) => { throw configurationError(error); });
  if (!VERSION.test(version)) throw unfit(`Message DB 1.3 or newer is needed, the database has ${version}`);
  // A function that reads a table, so that the search path is seen to work.
  await streamVersion(sql, "millrace-check").catch((error: unknown) => { throw configurationError(error); });
  const { rows: [settings] } = await sql.query("SELECT current_user::text, current_setting('message_store.sql_condition', true)", []);
  const [role, condition] = settings ?? [];
  if (role !== "message_store") throw unfit("The connection does not take the role message_store");
  if (condition !== "off") throw unfit("The connection has message_store.sql_condition on");
}

function configurationError(error: unknown): unknown {
  const state = sqlState(error);
  if (state === "22023") return unfit("The database has no role message_store: install Message DB in it");
  if (state === "42501") return unfit("The user of the connection is no member of the role message_store: GRANT message_store TO it");
  return isMillraceError(error) ? error : toMessageDbError(error);
}

function unfit(message: string): MillraceError {
  return new MillraceError("unsupported", message, { system: "messagedb" });
}
