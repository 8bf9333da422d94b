import { postgresExecutor, type PostgresJs } from "millrace/internal/messagedb/direct/postgres-executor";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import postgres from "postgres";

/** The database behind the proxy. */
export interface Database {
  /** For calls. */
  readonly sql: SqlExecutor;
  /** For what subscriptions poll; never waits for a call. */
  readonly polls: SqlExecutor;
  /** Whether it was made for this gateway: not to be asked at the start whether it can be served, and pages of it are not kept for ever; false by default. */
  readonly own?: boolean | undefined;
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
const RECONNECT_SECONDS = 0.5;
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
    // Its own pauses grow to 20 s, long after the database is there again.
    backoff: () => (0.5 + Math.random() / 2) * RECONNECT_SECONDS,
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
