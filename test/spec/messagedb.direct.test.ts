import { MessageDbDirect } from "millrace/messagedb/direct";
import postgres from "postgres";
import { afterAll, beforeAll } from "vitest";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { postgresSession } from "../support/postgres-session.js";
import { messageDbSpec } from "./messagedb.js";

let server: PostgresServer;
let stores = 0;

beforeAll(async () => { server = await startPostgres(); }, 60_000);
afterAll(() => server?.close());

messageDbSpec({
  name: "straight on PostgreSQL",
  open: (options) => new MessageDbDirect({ url: server.url(), pollMs: 20, ...options }),
  session: () => postgresSession(server.url()),
  async fresh() {
    const database = `fresh_${++stores}`;
    await server.createDatabase(database);
    const sql = postgres(server.url({ database }), { connection: { search_path: "message_store" }, types: { bigint: postgres.BigInt } });
    return { open: () => new MessageDbDirect({ sql, pollMs: 20 }), close: () => sql.end() };
  },
  concurrent: true,
});
