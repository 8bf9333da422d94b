import { describe, expect } from "vitest";
import { fill, uniqueCategory, type SpecContext } from "./backend.js";

export function lastMessageSpec({ db, it, everywhere }: SpecContext): void {
  describe("readLastMessage()", () => {
    // 27
    everywhere("is the message with the highest position", async () => {
      const stream = `${uniqueCategory("last")}-1`;
      await fill(db(), stream, 5);
      expect(await db().readLastMessage(stream)).toMatchObject({ position: 4n, data: { n: 4 } });
    });

    // 27
    it("is that of a type when one is given, also behind others", async () => {
      const stream = `${uniqueCategory("typed")}-1`;
      await db().writeBatch(stream, [{ type: "A", data: { n: 0 } }, { type: "A", data: { n: 1 } }, { type: "B", data: { n: 2 } }]);
      expect(await db().readLastMessage(stream, { type: "A" })).toMatchObject({ type: "A", position: 1n });
      expect(await db().readLastMessage(stream, { type: "C" })).toBeUndefined();
    });

    // 27
    it("is absent where there is none", async () => {
      expect(await db().readLastMessage(`${uniqueCategory("none")}-1`)).toBeUndefined();
    });

    it("of a bare category's name is that of the stream of this name", async () => {
      const bare = uniqueCategory("bare");
      await fill(db(), `${bare}-1`, 1);
      expect(await db().readLastMessage(bare)).toBeUndefined();
      await fill(db(), bare, 2);
      expect(await db().readLastMessage(bare)).toMatchObject({ stream: bare, position: 1n });
    });
  });
}
