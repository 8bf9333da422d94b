import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe } from "vitest";
import { testsOf, type SpecContext, type SpecPart, type UmaDbBackend } from "./umadb/backend.js";
import { appendSpec } from "./umadb/append.js";
import { conditionSpec } from "./umadb/conditions.js";
import { decideSpec } from "./umadb/decide.js";
import { healthSpec } from "./umadb/health.js";
import { limitSpec } from "./umadb/limits.js";
import { readSpec } from "./umadb/read.js";
import { subscribeSpec } from "./umadb/subscribe.js";
import { trackingSpec } from "./umadb/tracking.js";

export type { FreshStore, SpecPart, UmaDbBackend } from "./umadb/backend.js";

/**
 * What a client of UmaDB sees, whatever carries its calls. Numbers in the parts are those of the behaviours under contract.
 *
 * @param part All of it by default.
 */
export function umadbSpec(backend: UmaDbBackend, part: SpecPart = "all"): void {
  describe(`UmaDb ${backend.name}`, () => {
    let db: UmaDb | undefined;
    let open: (() => UmaDb) | undefined;
    beforeAll(async () => {
      const options = await backend.shared();
      open = () => new UmaDb(options);
      db = open();
    }, 60_000);
    afterAll(() => db?.close());

    const { fresh } = backend;
    const context: SpecContext = {
      ...testsOf(part),
      db: () => db as UmaDb,
      open: () => (open as () => UmaDb)(),
      onFresh: fresh && ((test) => async () => {
        const store = await fresh();
        const own = new UmaDb(store.options);
        try {
          await test(own);
        } finally {
          await own.close();
          await store.close();
        }
      }),
    };
    appendSpec(context);
    conditionSpec(context);
    trackingSpec(context);
    limitSpec(context);
    readSpec(context);
    subscribeSpec(context);
    decideSpec(context);
    healthSpec(context);
  });
}
