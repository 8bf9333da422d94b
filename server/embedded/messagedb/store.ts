import type { PGlite } from "@electric-sql/pglite";
import { MillraceError } from "millrace/internal/core/errors";
import type { ResumeClock } from "millrace/internal/core/subscription";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import { dataFolder } from "./data-folder.js";
import { messageDbSql } from "./install-sql.js";
import { keptDump } from "./kept-dump.js";
import { pgliteExecutor } from "./pglite-executor.js";
import { wakeClock, type WakeClock } from "./wake-clock.js";

/** A Message DB of this process, as the gateway takes one. */
export interface EmbeddedMessageDb {
  /** For calls. */
  readonly sql: SqlExecutor;
  /** The same, for what subscriptions ask. */
  readonly polls: SqlExecutor;
  /** Its pauses end when something was written, so that subscriptions see it at once. */
  readonly clock: ResumeClock;
  /** It is made here, so nobody asks it at the start whether it can be served, and another may stand at its address later. */
  readonly own: true;
  /** Closes the database. Idempotent. */
  close(): Promise<void>;
}

/** How an embedded Message DB is opened. */
export interface EmbeddedMessageDbOptions {
  /** Where it is kept: a folder, in a page a name in IndexedDB. In memory by default, and gone when it is closed. */
  dataDir?: string | undefined;
  /** The role of its session; `message_store` by default, which may do what Message DB grants and nothing else. */
  role?: string | undefined;
  /** Whose pauses end when something was written; one of its own by default. */
  clock?: WakeClock | undefined;
}

/** Changes with whatever changes what is in the dump: PGlite, and Message DB's SQL. */
const DUMP_NAME = "message-db-1.3.1-pglite-0.5.16.tar.gz";

/**
 * What a connection to PostgreSQL would be given at its start. PGlite takes no such settings, and forgets those of the
 * database and of the role.
 */
const SETTINGS = "SET search_path TO message_store, public; SET message_store.sql_condition TO 'off'; SET TimeZone TO 'UTC'";

/**
 * Opens a Message DB on PGlite: PostgreSQL itself, in this process, with Message DB's own SQL. The first time on a
 * machine takes some seconds; what is built then is kept.
 *
 * @throws {MillraceError} `unavailable` when `dataDir` is open elsewhere.
 */
export async function openEmbeddedMessageDb({ dataDir, role = "message_store", clock = wakeClock() }: EmbeddedMessageDbOptions = {}): Promise<EmbeddedMessageDb> {
  const folder = dataDir === undefined ? undefined : await dataFolder(dataDir);
  let db: PGlite;
  try {
    const { PGlite: postgres } = await loadPglite();
    await folder?.fill(async (empty) => (await postgres.create({ dataDir: empty, loadDataDir: await dump() })).close());
    db = await postgres.create({ username: role, ...(folder === undefined ? { loadDataDir: await dump() } : { dataDir: folder.dataDir }) });
    await db.exec(SETTINGS);
  } catch (error) {
    await folder?.release();
    throw new MillraceError("internal", "The embedded Message DB does not start", { system: "messagedb", cause: error });
  }
  const asked = pgliteExecutor(db);
  const sql: SqlExecutor = {
    async query(text, parameters, signal) {
      try {
        return await asked.query(text, parameters, signal);
      } finally {
        if (text.includes("write_message(")) clock.wake();
      }
    },
  };
  let closed: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    clock.wake();
    await db.close();
    await folder?.release();
  };
  return { own: true, sql, polls: asked, clock, close: () => (closed ??= end()) };
}

function dump(): Promise<Blob> {
  return keptDump(DUMP_NAME, async () => {
    const { PGlite: postgres } = await loadPglite();
    const db = await postgres.create();
    try {
      await db.exec(await messageDbSql());
      return await db.dumpDataDir("gzip");
    } finally {
      await db.close();
    }
  });
}

/** By name at the last moment: a bundler of a worker, where it does not run, can then leave it out. */
function loadPglite(): Promise<typeof import("@electric-sql/pglite")> {
  return import("@electric-sql/pglite");
}
