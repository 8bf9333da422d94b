import { describe, expect } from "vitest";
import { errorOf, fill, values, type SpecContext } from "./backend.js";

export function allSpec({ db, onFresh, it, everywhere }: SpecContext): void {
  describe('read("$all")', () => {
    if (onFresh !== undefined) {
      // 37
      everywhere("gives every message of the store in ascending global position", onFresh(async (fresh) => {
        await fill(fresh, "a-1", 2);
        await fill(fresh, "b-1", 1);
        await fill(fresh, "c", 1);
        const messages = await fresh.read("$all").toArray();
        expect(messages.map(({ globalPosition, stream }) => [globalPosition, stream])).toEqual([[1n, "a-1"], [2n, "a-1"], [3n, "b-1"], [4n, "c"]]);
      }));

      // 37
      it("begins past `after`, or at `start`, and gives at most `limit` messages", onFresh(async (fresh) => {
        await fresh.writeBatch("a-1", Array.from({ length: 10 }, (_, n) => ({ type: "Counted", data: { n } })));
        expect(await fresh.read("$all", { after: 5n }).toArray()).toHaveLength(5);
        expect(values(await fresh.read("$all", { after: 5n, limit: 2 }).toArray())).toEqual([5, 6]);
        expect(values(await fresh.read("$all", { start: 5n, limit: 2 }).toArray())).toEqual([4, 5]);
        expect(await fresh.read("$all", { after: 10n }).toArray()).toEqual([]);
      }));
    }

    everywhere("refuses what belongs to a category, and `start` beside `after`", async () => {
      for (const [options, name] of [
        [{ consumerGroup: { member: 0, size: 1 } }, "options.consumerGroup"], [{ correlation: "a" }, "options.correlation"], [{ start: 1n, after: 1n }, "options.start"],
      ] as const) {
        expect(await errorOf((async () => db().read("$all", options).toArray())())).toMatchObject({ code: "invalid_argument", message: expect.stringContaining(name) as unknown });
      }
      expect(await errorOf((async () => db().read("a-1", { after: 1n }).toArray())())).toMatchObject({ message: expect.stringContaining("`options.after`") as unknown });
    });
  });
}
