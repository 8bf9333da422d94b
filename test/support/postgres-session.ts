import postgres from "postgres";
import type { SqlSession } from "../spec/messagedb/backend.js";

/** One connection to PostgreSQL, with nothing set but the `search_path`. */
export async function postgresSession(url: string): Promise<SqlSession> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { search_path: "message_store" } });
  return {
    async query(text, parameters = []) {
      return [...await sql.unsafe(text, [...parameters])] as Record<string, string | null>[];
    },
    close: () => sql.end(),
  };
}
