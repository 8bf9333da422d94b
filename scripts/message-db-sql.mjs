#!/usr/bin/env node
// @ts-check
// Puts a copy of Message DB's own SQL, from its package, beside the compiled embedded server: a page fetches it from there.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageDbSql } from "../server/dist/embedded/messagedb/install-sql.js";

writeFileSync(fileURLToPath(new URL("../server/dist/embedded/messagedb/message-db.sql", import.meta.url)), await messageDbSql());
