import { MessageDbDirect } from "millrace/messagedb/direct";
import { postgresSession } from "../support/postgres-session.js";
import { messageDbSpec } from "./messagedb.js";

const url = process.env["MILLRACE_TEST_MESSAGEDB_URL"];
if (url === undefined) throw new Error("MILLRACE_TEST_MESSAGEDB_URL must be the address of a PostgreSQL with Message DB: use `npm run spec -- messagedb`");

messageDbSpec({
  name: "on the server of MILLRACE_TEST_MESSAGEDB_URL",
  open: (options) => new MessageDbDirect({ url, pollMs: 20, ...options }),
  session: () => postgresSession(url),
  concurrent: true,
});
