import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import { openEmbeddedMessageDb, type EmbeddedMessageDb, type EmbeddedMessageDbOptions } from "./store.js";
import { wakeClock } from "./wake-clock.js";

/** An embedded Message DB that is opened when it is first used. */
export interface LazyMessageDb extends EmbeddedMessageDb {
  /** Opens it, if nothing has. Rejects as `openEmbeddedMessageDb()` does; the next use tries again. */
  open(): Promise<void>;
}

/** Nothing is opened, or loaded into memory, before the first statement or `open()`. */
export function lazyMessageDb(options: Omit<EmbeddedMessageDbOptions, "clock">): LazyMessageDb {
  const clock = wakeClock();
  let opening: Promise<EmbeddedMessageDb> | undefined;
  const opened = (): Promise<EmbeddedMessageDb> => {
    if (opening === undefined) {
      opening = openEmbeddedMessageDb({ ...options, clock });
      opening.catch(() => { opening = undefined; });
    }
    return opening;
  };
  const executor = (which: "sql" | "polls"): SqlExecutor => ({
    query: async (text, parameters, signal) => (await opened())[which].query(text, parameters, signal),
  });
  return {
    own: true,
    sql: executor("sql"),
    polls: executor("polls"),
    clock,
    async open() { await opened(); },
    async close() {
      const store = await opening?.catch(() => undefined);
      await store?.close();
    },
  };
}
