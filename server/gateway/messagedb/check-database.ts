import { isMillraceError, MillraceError } from "millrace/internal/core/errors";
import { messageStoreVersion, streamVersion } from "millrace/internal/messagedb/sql";
import { sqlState, toMessageDbError } from "millrace/internal/messagedb/sql-errors";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";

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
