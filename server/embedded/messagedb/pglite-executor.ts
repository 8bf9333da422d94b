import type { PGlite } from "@electric-sql/pglite";
import { abortable } from "millrace/internal/core/signal";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";

/** Statements on PGlite, which runs one after the other. An aborted one is carried out all the same. */
export function pgliteExecutor(db: PGlite): SqlExecutor {
  return {
    async query(text, parameters, signal) {
      signal?.throwIfAborted();
      const asked = db.query<(string | null)[]>(text, [...parameters], { rowMode: "array" });
      const { fields, rows } = await (signal === undefined ? asked : abortable(asked, signal));
      return { columns: fields.map(({ name }) => name), rows };
    },
  };
}
