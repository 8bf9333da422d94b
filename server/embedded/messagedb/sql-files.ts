import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Message DB's own SQL in the order of its installer. */
const FILES = [
  "roles/message-store",
  "schema/message-store",
  "tables/messages",
  "types/message",
  "functions/message-store-version", "functions/hash-64", "functions/acquire-lock", "functions/category", "functions/is-category",
  "functions/id", "functions/cardinal-id", "functions/stream-version", "functions/write-message", "functions/get-stream-messages",
  "functions/get-category-messages", "functions/get-last-stream-message",
  "indexes/messages-id", "indexes/messages-stream", "indexes/messages-category",
  "views/stream-summary", "views/type-summary", "views/stream-type-summary", "views/type-stream-summary", "views/category-type-summary",
  "views/type-category-summary",
  "privileges/schema", "privileges/table", "privileges/sequence", "privileges/functions", "privileges/views",
] as const;

/**
 * The SQL that makes Message DB of an empty database, for a superuser, as the package `@eventide/message-db` has it.
 * The extension pgcrypto is left out: since PostgreSQL 13 the one function that is needed of it is built in.
 */
export async function messageDbSql(): Promise<string> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@eventide/message-db/package.json")), "database");
  const parts = await Promise.all(FILES.map((file) => readFile(join(folder, `${file}.sql`), "utf8")));
  return parts.join("\n");
}
