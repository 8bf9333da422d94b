import { describe, expect } from "vitest";
import { errorOf, fill, positions, uniqueCategory, values, type SpecContext } from "./backend.js";

export function readStreamSpec({ db, onSession, it, everywhere }: SpecContext): void {
  describe("readStream()", () => {
    // 14
    everywhere("gives the messages in order, their positions from 0", async () => {
      const stream = `${uniqueCategory("stream")}-1`;
      await fill(db(), stream, 3);
      const messages = await db().readStream(stream).toArray();
      expect(values(messages)).toEqual([0, 1, 2]);
      expect(positions(messages)).toEqual([0n, 1n, 2n]);
    });

    // 15
    it("gives at most `limit` messages: none with 0, all with Infinity", async () => {
      const stream = `${uniqueCategory("limit")}-1`;
      await fill(db(), stream, 3);
      const read = async (limit: number): Promise<unknown[]> => values(await db().readStream(stream, { limit }).toArray());
      expect(await read(2)).toEqual([0, 1]);
      expect(await read(0)).toEqual([]);
      expect(await read(3)).toEqual([0, 1, 2]);
      expect(await read(Infinity)).toEqual([0, 1, 2]);
    });

    // 15
    it("gives 1 000 messages by default, and more than a page when asked", async () => {
      const stream = `${uniqueCategory("pages")}-1`;
      await db().writeBatch(stream, Array.from({ length: 2_100 }, (_, n) => ({ type: "Counted", data: { n } })));
      expect(await db().readStream(stream).toArray()).toHaveLength(1_000);
      const batches: number[] = [];
      for await (const batch of db().readStream(stream, { start: 50n, limit: 2_020 }).batches()) batches.push(batch.length);
      expect(batches).toEqual([1_000, 1_000, 20]);
      expect(values(await db().readStream(stream, { limit: Infinity }).toArray())).toEqual(Array.from({ length: 2_100 }, (_, n) => n));
    });

    // 17
    everywhere("begins at `start`, inclusive; past the end there is nothing", async () => {
      const stream = `${uniqueCategory("start")}-1`;
      await fill(db(), stream, 3);
      expect(values(await db().readStream(stream, { start: 1n }).toArray())).toEqual([1, 2]);
      expect(await db().readStream(stream, { start: 3n }).toArray()).toEqual([]);
      expect(await db().readStream(stream, { start: 2n ** 63n - 1n }).toArray()).toEqual([]);
    });

    // 17
    it("of a stream that does not exist gives nothing", async () => {
      expect(await db().readStream(`${uniqueCategory("missing")}-1`).toArray()).toEqual([]);
    });

    // 16
    it("refuses a category, before anything is sent", async () => {
      await expect(async () => db().readStream("testStream")).rejects.toMatchObject({ code: "invalid_argument", message: "`stream` must be a stream's name, which has a hyphen, got a string" });
    });

    it("can be left early, and iterated once", async () => {
      const stream = `${uniqueCategory("left")}-1`;
      await fill(db(), stream, 3);
      const read = db().readStream(stream);
      const seen: unknown[] = [];
      for await (const { data } of read) {
        seen.push(data);
        break;
      }
      expect(seen).toEqual([{ n: 0 }]);
      expect(await errorOf(read.toArray())).toMatchObject({ code: "invalid_argument", message: "A read can be iterated once" });
    });

    it("rejects with the caller's reason when its signal is aborted", async () => {
      const reason = new Error("Enough");
      expect(await errorOf(db().readStream("any-1", { signal: AbortSignal.abort(reason) }).toArray())).toBe(reason);
    });
  });

  describe("read() of a name with a hyphen", () => {
    everywhere("reads the stream", async () => {
      const category = uniqueCategory("by-name").replace("-", "");
      await fill(db(), `${category}-1`, 2);
      await fill(db(), `${category}-2`, 1);
      expect(values(await db().read(`${category}-1`, { start: 1n }).toArray())).toEqual([1]);
    });
  });

  if (onSession === undefined) return;

  describe("get_stream_messages with a condition", () => {
    const CONDITIONED = "SELECT data->>'n' AS n FROM (SELECT data::jsonb FROM get_stream_messages($1::text, condition => 'data->>''n'' = ''1''')) AS read";

    // 18
    it("is refused while conditions are not switched on, or are switched off", onSession(async (session) => {
      const refused = { code: "P0001", message: "Retrieval with SQL condition is not activated" };
      const [before] = await session.query("SELECT current_setting('message_store.sql_condition', true) AS setting");
      expect([null, "off"]).toContain(before?.["setting"]);
      expect(await errorOf(session.query(CONDITIONED, ["any-1"]))).toMatchObject(refused);
      await session.query("SET message_store.sql_condition = 'off'");
      expect(await errorOf(session.query(CONDITIONED, ["any-1"]))).toMatchObject(refused);
    }));

    // 18
    it("keeps what it says when they are on", onSession(async (session) => {
      const stream = `${uniqueCategory("condition")}-1`;
      await fill(db(), stream, 3);
      await session.query("SET message_store.sql_condition = 'on'");
      try {
        expect(await session.query(CONDITIONED, [stream])).toEqual([{ n: "1" }]);
      } finally {
        await session.query("SET message_store.sql_condition = 'off'");
      }
    }));

    // 16, 15
    it.each([
      ["a category", "SELECT * FROM get_stream_messages('testStream')", "P0001", "Must be a stream name: testStream"],
      ["no name", "SELECT * FROM get_stream_messages(NULL)", "P0001", "Must be a stream name: <NULL>"],
      ["a batch size of -2", "SELECT * FROM get_stream_messages('a-1', 0, -2)", "2201W", "LIMIT must not be negative"],
    ])("refuses %s", (_, text, code, message) => onSession(async (session) => {
      expect(await errorOf(session.query(text))).toMatchObject({ code, message });
    })());
  });
}
