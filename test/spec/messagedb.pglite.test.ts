import type { PostgresJs, PostgresJsRows } from "millrace/messagedb/direct";
import { MessageDbDirect } from "millrace/messagedb/direct";
import { afterAll, beforeAll } from "vitest";
import { openEmbeddedMessageDb, type EmbeddedMessageDb } from "../../server/embedded/messagedb/store.js";
import { messageDbSpec } from "./messagedb.js";

let store: EmbeddedMessageDb;

beforeAll(async () => { store = await openEmbeddedMessageDb(); }, 120_000);
afterAll(() => store?.close());

/** PGlite where postgres.js is expected. */
function asPostgresJs({ sql }: EmbeddedMessageDb): PostgresJs {
  return {
    unsafe: (text, parameters) => ({
      raw: async () => {
        const { columns, rows } = await sql.query(text, parameters);
        const bytes = rows.map((row) => row.map((value) => (value === null ? null : Buffer.from(value))));
        return Object.assign(bytes, { columns: columns.map((name) => ({ name })) }) as PostgresJsRows;
      },
    }),
  };
}

messageDbSpec({
  name: "straight on PGlite",
  open: (options) => new MessageDbDirect({ sql: asPostgresJs(store), pollMs: 20, ...options }),
  session: async () => ({
    async query(text, parameters = []) {
      const { columns, rows } = await store.sql.query(text, parameters);
      return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null])));
    },
    async close() {},
  }),
  concurrent: false,
});
