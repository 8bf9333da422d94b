import { describe, expect } from "vitest";
import type { SpecContext } from "./backend.js";

export function reportSpec({ onFresh, everywhere, it }: SpecContext): void {
  if (onFresh === undefined) return;
  describe("the reports", () => {
    // 31
    everywhere("count messages by stream, type, and category, with their share of the whole", onFresh(async (db) => {
      await db.writeBatch("a-1", [{ type: "A" }, { type: "B" }]);
      await db.write("a-2", { type: "A" });
      const third = { count: 1n, percent: 33.33 };
      const twoThirds = { count: 2n, percent: 66.67 };
      expect(await db.streamSummary()).toEqual([{ stream: "a-1", ...twoThirds }, { stream: "a-2", ...third }]);
      expect(await db.typeSummary()).toEqual([{ type: "A", ...twoThirds }, { type: "B", ...third }]);
      const byStream = [{ stream: "a-1", type: "A", ...third }, { stream: "a-1", type: "B", ...third }, { stream: "a-2", type: "A", ...third }];
      expect(await db.streamTypeSummary()).toEqual(byStream);
      expect(await db.typeStreamSummary()).toEqual([byStream[0], byStream[2], byStream[1]]);
      expect(await db.categoryTypeSummary()).toEqual([{ category: "a", type: "A", ...twoThirds }, { category: "a", type: "B", ...third }]);
      await db.write("b-1", { type: "A" });
      expect(await db.typeCategorySummary()).toEqual([
        { type: "A", category: "a", count: 2n, percent: 50 }, { type: "A", category: "b", count: 1n, percent: 25 }, { type: "B", category: "a", count: 1n, percent: 25 },
      ]);
    }));

    // 31
    it("of an empty store are empty", onFresh(async (db) => {
      expect(await Promise.all([db.streamSummary(), db.typeSummary(), db.streamTypeSummary(), db.typeStreamSummary(), db.categoryTypeSummary(), db.typeCategorySummary()]))
        .toEqual([[], [], [], [], [], []]);
    }));
  });
}
