import { MillraceError } from "millrace/internal/core/errors";
import { nodeModules } from "./platform.js";

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
 * The SQL that makes Message DB of an empty database, for a superuser, as the package `@eventide/message-db` has it. A
 * page fetches a copy, which the build puts beside this module.
 *
 * The extension pgcrypto is left out: since PostgreSQL 13 the one function that is needed of it is built in.
 */
export async function messageDbSql(): Promise<string> {
  const node = nodeModules();
  if (node === undefined) return fetched(new URL("./message-db.sql", import.meta.url));
  const { fs, module, path } = node;
  const folder = path.join(path.dirname(module.createRequire(import.meta.url).resolve("@eventide/message-db/package.json")), "database");
  const parts = await Promise.all(FILES.map((file) => fs.readFile(path.join(folder, `${file}.sql`), "utf8")));
  return parts.join("\n");
}

async function fetched(url: URL): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  // A development server may answer with its page instead of 404.
  if (!response.ok || !text.includes("write_message")) throw new MillraceError("unavailable", "Message DB's SQL was not found beside the code: keep it out of the bundler's dependency optimisation", { system: "messagedb" });
  return text;
}
