import { MessageDb } from "millrace/messagedb";
import { startEmbedded, type Embedded } from "millrace-server/embedded";
import { afterAll, beforeAll } from "vitest";
import { serveMessageDb } from "../../server/embedded/messagedb/serve.js";
import { openEmbeddedMessageDb, type EmbeddedMessageDb } from "../../server/embedded/messagedb/store.js";
import { messageDbSpec } from "./messagedb.js";

let embedded: Embedded;
/** A store whose session is a superuser's, which may empty it: another PostgreSQL for each test would take a second each. */
let emptied: EmbeddedMessageDb;
let served: Awaited<ReturnType<typeof serveMessageDb>>;

beforeAll(async () => {
  embedded = await startEmbedded({ systems: ["messagedb"] });
  emptied = await openEmbeddedMessageDb({ role: "postgres" });
  await emptied.sql.query("SET ROLE message_store", []);
  served = await serveMessageDb({}, emptied);
}, 120_000);

afterAll(async () => {
  await embedded?.close();
  await served?.close();
});

messageDbSpec({
  name: "embedded, over HTTP without a network",
  open: (options) => new MessageDb({ url: "http://embedded", fetch: embedded.fetch, ...options }),
  async fresh() {
    for (const text of ["RESET ROLE", "TRUNCATE message_store.messages RESTART IDENTITY", "SET ROLE message_store"]) await emptied.sql.query(text, []);
    return { open: () => new MessageDb({ url: "http://embedded/prefix", fetch: served.fetch }), async close() {} };
  },
  concurrent: false,
});
