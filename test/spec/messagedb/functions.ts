import { cardinalId, category, hash64, id, isCategory } from "millrace/messagedb";
import { describe, expect } from "vitest";
import { uniqueCategory, type SpecContext } from "./backend.js";

/** Name, category, id, cardinal id, whether it is a category. */
const NAMES = [
  ["a-1", "a", "1", "1", false],
  ["a", "a", undefined, undefined, true],
  ["a-1-2", "a", "1-2", "1-2", false],
  ["a-1+2", "a", "1+2", "1", false],
  ["a:command-1", "a:command", "1", "1", false],
  ["a:command+position-1+2+3", "a:command+position", "1+2+3", "1", false],
  ["a-", "a", "", "", false],
  ["-x", "", "x", "x", false],
  ["-", "", "", "", false],
  ["a-+1", "a", "+1", "", false],
  ["", "", undefined, undefined, true],
  ["käse-βeta+γ", "käse", "βeta+γ", "βeta", false],
] as const;

const HASHES = [
  ["a", 919_145_239_626_757_800n],
  ["", -3_162_216_497_309_240_828n],
  ["123", 2_318_431_741_638_412_123n],
  ["someStream-123", -6_897_031_765_186_548_867n],
] as const;

export function functionSpec({ db, onSession, it, everywhere }: SpecContext): void {
  describe("category(), isCategory(), id(), cardinalId()", () => {
    // 2 to 6
    everywhere.each(NAMES)("take %j apart as the store does", (name, itsCategory, itsId, cardinal, isOne) => {
      expect([category(name), id(name), cardinalId(name), isCategory(name)]).toEqual([itsCategory, itsId, cardinal, isOne]);
    });
  });

  describe("hash64()", () => {
    // 1
    everywhere.each(HASHES)("of %j is %s, as in the store", (text, hash) => {
      expect(hash64(text)).toBe(hash);
    });
  });

  describe("messageStoreVersion()", () => {
    // 29
    everywhere("is that of the schema", async () => {
      expect(await db().messageStoreVersion()).toBe("1.3.0");
    });
  });

  describe("streamVersion()", () => {
    // 28
    everywhere("is the last position of a stream, and absent where there is none", async () => {
      const stream = `${uniqueCategory("version")}-1`;
      expect(await db().streamVersion(stream)).toBeUndefined();
      await db().writeBatch(stream, [{ type: "A" }, { type: "B" }]);
      expect(await db().streamVersion(stream)).toBe(1n);
    });

    it("takes a bare category's name for the stream of that name", async () => {
      const bare = uniqueCategory("bare");
      await db().write(`${bare}-1`, { type: "A" });
      expect(await db().streamVersion(bare)).toBeUndefined();
      await db().write(bare, { type: "A" });
      expect(await db().streamVersion(bare)).toBe(0n);
    });
  });

  if (onSession === undefined) return;

  describe("the store's own functions", () => {
    // 2 to 6
    it.each(NAMES)("take %j apart as ours do", (name, itsCategory, itsId, cardinal, isOne) => onSession(async (session) => {
      const [row] = await session.query(
        "SELECT category($1::text)::text AS category, id($1::text)::text AS id, cardinal_id($1::text)::text AS cardinal, is_category($1::text)::text AS is_one", [name]);
      expect(row).toEqual({ category: itsCategory, id: itsId ?? null, cardinal: cardinal ?? null, is_one: String(isOne) });
    })());

    // 1
    it.each(HASHES)("hash %j as ours does", (text, hash) => onSession(async (session) => {
      expect(await session.query("SELECT hash_64($1::text)::text AS hash", [text])).toEqual([{ hash: String(hash) }]);
    })());

    // 6
    it("make NULL of NULL, which counts as a category", onSession(async (session) => {
      const [row] = await session.query(
        "SELECT category(NULL)::text AS category, id(NULL)::text AS id, cardinal_id(NULL)::text AS cardinal, is_category(NULL)::text AS is_one, hash_64(NULL)::text AS hash");
      expect(row).toEqual({ category: null, id: null, cardinal: null, is_one: "true", hash: null });
    }));

    // 30
    it("lock a category by its hash", onSession(async (session) => {
      const name = uniqueCategory("lock");
      expect(await session.query("SELECT acquire_lock($1::text)::text AS key", [`${name}-1`])).toEqual([{ key: String(hash64(name)) }]);
    }));
  });
}
