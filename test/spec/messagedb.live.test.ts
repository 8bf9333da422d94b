import { MessageDb } from "millrace/messagedb";
import { MessageDbDirect } from "millrace/messagedb/direct";
import { afterAll, beforeAll } from "vitest";
import { serveMessageDb, type ProxyServer } from "../messagedb-http/proxy-server.js";
import { postgresSession } from "../support/postgres-session.js";
import { messageDbSpec } from "./messagedb.js";

const url = process.env["MILLRACE_TEST_MESSAGEDB_URL"];
if (url === undefined) throw new Error("MILLRACE_TEST_MESSAGEDB_URL must be the address of a PostgreSQL with Message DB: use `npm run spec -- messagedb`");

let proxy: ProxyServer;

beforeAll(async () => { proxy = await serveMessageDb({ url, pollMs: 20 }); });
afterAll(() => proxy?.close());

messageDbSpec({
  name: "on the server of MILLRACE_TEST_MESSAGEDB_URL",
  open: (options) => new MessageDbDirect({ url, pollMs: 20, ...options }),
  session: () => postgresSession(url),
  concurrent: true,
});

messageDbSpec({
  name: "through a gateway, on the server of MILLRACE_TEST_MESSAGEDB_URL",
  open: (options) => new MessageDb({ url: proxy.url, ...options }),
  session: () => postgresSession(url),
  concurrent: true,
});
