import fc from "fast-check";
import { createHash } from "node:crypto";
import { cardinalId, category, hash64, id, isCategory } from "millrace/messagedb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { md5 } from "../../src/messagedb/md5.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { postgresSession } from "../support/postgres-session.js";
import type { SqlSession } from "../spec/messagedb.js";

const SEED = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 2 ** 31);

let server: PostgresServer;
let session: SqlSession;

beforeAll(async () => {
  server = await startPostgres();
  session = await postgresSession(server.url());
}, 60_000);

afterAll(async () => {
  await session?.close();
  await server?.close();
});

/** Names made of what the rules look at, and of anything else but what PostgreSQL cannot store. */
const names = fc.array(fc.oneof(fc.constantFrom("-", "+", ":", "a", "ä", "-+"), fc.string({ unit: "grapheme" })), { maxLength: 12 })
  .map((parts) => parts.join("").replaceAll("\u0000", ""));

describe(`names (seed ${SEED})`, () => {
  it("are taken apart and hashed as PostgreSQL does, 2 000 of them", async () => {
    const some = fc.sample(names, { numRuns: 2_000, seed: SEED });
    const rows = await session.query(
      `SELECT category(name)::text AS category, id(name)::text AS id, cardinal_id(name)::text AS cardinal, is_category(name)::text AS is_category, hash_64(name)::text AS hash
       FROM json_array_elements_text($1::text::json) WITH ORDINALITY AS given(name, n) ORDER BY n`, [JSON.stringify(some)]);
    expect(some.map((name) => ({ category: category(name), id: id(name) ?? null, cardinal: cardinalId(name) ?? null, is_category: String(isCategory(name)), hash: String(hash64(name)) }))).toEqual(rows);
  });

  it("have the MD5 that others compute, whatever their length", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      expect(md5(text)).toBe(createHash("md5").update(text).digest("hex"));
    }), { seed: SEED, numRuns: 500 });
    for (const length of [55, 56, 57, 63, 64, 65, 119, 120, 70_000]) expect(md5("x".repeat(length))).toBe(createHash("md5").update("x".repeat(length)).digest("hex"));
  });

  it("must be strings", () => {
    for (const ask of [category, id, cardinalId, isCategory, hash64]) {
      expect(() => ask(1 as unknown as string)).toThrow("`name` must be a string, got a number");
    }
  });
});
