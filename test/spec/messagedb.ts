import type { MessageStore } from "millrace/messagedb";
import { afterAll, beforeAll, describe } from "vitest";
import { allSpec } from "./messagedb/all.js";
import { testsOf, type MessageDbBackend, type SpecContext, type SpecPart, type SqlSession } from "./messagedb/backend.js";
import { functionSpec } from "./messagedb/functions.js";
import { lastMessageSpec } from "./messagedb/last-message.js";
import { readCategorySpec } from "./messagedb/read-category.js";
import { readStreamSpec } from "./messagedb/read-stream.js";
import { reportSpec } from "./messagedb/reports.js";
import { subscribeSpec } from "./messagedb/subscribe.js";
import { valueSpec } from "./messagedb/values.js";
import { writeSpec } from "./messagedb/write.js";

export type { FreshStore, MessageDbBackend, SpecPart, SqlSession } from "./messagedb/backend.js";

/**
 * What a client of Message DB sees, whatever way its calls take. Numbers in the parts are those of the behaviours under
 * contract.
 *
 * @param part All of it by default.
 */
export function messageDbSpec(backend: MessageDbBackend, part: SpecPart = "all"): void {
  describe(`Message DB ${backend.name}`, () => {
    let db: MessageStore | undefined;
    beforeAll(async () => { db = await backend.open(); }, 60_000);
    afterAll(() => db?.close());

    const session = async (): Promise<SqlSession> => {
      if (backend.session === undefined) throw new Error("There is no session here");
      return backend.session();
    };
    const context: SpecContext = {
      db: () => db as MessageStore,
      open: (options) => backend.open(options),
      session,
      concurrent: backend.concurrent,
      onSession: backend.session && ((test) => async () => {
        const opened = await session();
        try {
          await test(opened);
        } finally {
          await opened.close();
        }
      }),
      onFresh: backend.fresh && ((test) => async () => {
        const store = await backend.fresh?.();
        const client = await store?.open();
        try {
          await test(client as MessageStore);
        } finally {
          await client?.close();
          await store?.close();
        }
      }),
      ...testsOf(part),
    };
    for (const spec of [functionSpec, writeSpec, valueSpec, readStreamSpec, readCategorySpec, lastMessageSpec, reportSpec, allSpec, subscribeSpec]) spec(context);
  });
}
