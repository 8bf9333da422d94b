import { MessageDb } from "millrace/messagedb";
import { afterAll, beforeAll } from "vitest";
import { serveMessageDb, type ProxyServer } from "../messagedb-http/proxy-server.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { postgresSession } from "../support/postgres-session.js";
import { messageDbSpec } from "./messagedb.js";

let postgres: PostgresServer;
let proxy: ProxyServer;
let stores = 0;

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({ url: postgres.url(), pollMs: 20 });
}, 60_000);

afterAll(async () => {
  await proxy?.close();
  await postgres?.close();
});

messageDbSpec({
  name: "through the gateway, on PostgreSQL",
  open: (options) => new MessageDb({ url: proxy.url, ...options }),
  session: () => postgresSession(postgres.url()),
  async fresh() {
    const database = `fresh_${++stores}`;
    await postgres.createDatabase(database);
    const served = await serveMessageDb({ url: postgres.url({ database }), pollMs: 20 });
    return { open: () => new MessageDb({ url: served.url }), close: () => served.close() };
  },
  concurrent: true,
});
