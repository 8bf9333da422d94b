import { exactJson, type Message, type MessageStore, type NewMessage } from "millrace/messagedb";
import { describe, expect } from "vitest";
import { errorOf, uniqueCategory, type SpecContext } from "./backend.js";

export function valueSpec({ db, open, onSession, it, everywhere }: SpecContext): void {
  const stored = async (message: Partial<NewMessage>, client: MessageStore = db()): Promise<Message> => {
    const stream = `${uniqueCategory("value")}-1`;
    await client.write(stream, { type: "Stored", ...message });
    return (await client.readLastMessage(stream)) as Message;
  };

  describe("a message", () => {
    // 32
    everywhere("comes back with what was written", async () => {
      const data = { text: "Grüße 😀", number: 1.5, list: [1, [2, { deep: null }]], yes: true };
      const metadata = { traceId: "baz", correlationStreamName: "order-1" };
      const { id, globalPosition, time, timeMicros, ...rest } = await stored({ type: "Käse gekauft", data, metadata });
      expect(rest).toEqual({ stream: expect.any(String) as unknown, type: "Käse gekauft", position: 0n, data, metadata });
      expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(globalPosition).toBeGreaterThan(0n);
      expect(time.getTime()).toBe(Number(timeMicros / 1_000n));
    });

    // 32
    it("keeps empty metadata, and has none where none was given", async () => {
      expect(await stored({ metadata: {} })).toMatchObject({ metadata: {} });
      expect(await stored({})).not.toHaveProperty("metadata");
    });

    // 32
    it.each([[null], [[]], [[1, "a", null]], ["text"], [""], [42], [0], [false], [{}]])("may have the data %j", async (data) => {
      expect((await stored({ data })).data).toEqual(data);
    });

    // 32
    it("without data reads as null", async () => {
      expect((await stored({})).data).toBeNull();
    });

    if (onSession !== undefined) {
      // 32
      it("without data has none in the store, and with null has JSON's null", onSession(async (session) => {
        for (const [message, kind] of [[{ type: "A" }, null], [{ type: "A", data: null }, "null"]] as const) {
          const stream = `${uniqueCategory("null")}-1`;
          await db().write(stream, message);
          expect(await session.query("SELECT jsonb_typeof(data) AS kind FROM messages WHERE stream_name = $1::text", [stream])).toEqual([{ kind }]);
        }
      }));

      it("has its text encoded once, as an object in the store", onSession(async (session) => {
        const stream = `${uniqueCategory("once")}-1`;
        await db().write(stream, { type: "A", data: { a: 1 }, metadata: { b: 2 } });
        expect(await session.query("SELECT data->>'a' AS a, metadata->>'b' AS b FROM messages WHERE stream_name = $1::text", [stream])).toEqual([{ a: "1", b: "2" }]);
      }));
    }

    // 33
    it("has its keys in the store's order, by length and then by bytes", async () => {
      const { data } = await stored({ data: { bb: 1, a: 2, ccc: 3, aa: 4 } });
      expect(Object.keys(data as object)).toEqual(["a", "aa", "bb", "ccc"]);
    });

    // 33
    everywhere("has integers past 2^53 exact with `exactJson`, and rounded without", async () => {
      const client = await open({ json: exactJson });
      const data = { exact: 2n ** 53n + 1n, small: 1, negative: -(2n ** 70n), text: "9007199254740993", list: [2n ** 53n + 1n] };
      const message = await stored({ data, metadata: data }, client);
      expect(message.data).toEqual(data);
      expect(message.metadata).toEqual(data);
      expect((await db().readLastMessage(message.stream))?.data).toMatchObject({ exact: 2 ** 53, text: "9007199254740993" });
      await client.close();
    });

    it("refuses data that JSON cannot hold, before anything is sent", async () => {
      const cycle: { self?: object } = {};
      cycle.self = cycle;
      for (const data of [1n, () => 1, Symbol("s"), cycle]) {
        expect(await errorOf(db().write(uniqueCategory("json"), { type: "A", data }))).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`message.data`") as unknown });
      }
    });

    if (onSession !== undefined) {
      // 33: positions are the store's bigint
      it("has positions past 2^53 exact", onSession(async (session) => {
        const stream = `${uniqueCategory("position")}-1`;
        const position = 2n ** 53n + 1n;
        await session.query("INSERT INTO messages (stream_name, type, position, data) VALUES ($1::text, 'A', $2::text::bigint, '{}')", [stream, String(position)]);
        expect(await db().streamVersion(stream)).toBe(position);
        expect(await db().write(stream, { type: "B" }, { expectedVersion: position })).toBe(position + 1n);
        expect((await db().readStream(stream, { start: position + 1n }).toArray()).map((message) => message.position)).toEqual([position + 1n]);
      }));

      // 34
      it("has its time in UTC, to the microsecond", onSession(async (session) => {
        const stream = `${uniqueCategory("time")}-1`;
        await session.query("INSERT INTO messages (stream_name, type, position, time) VALUES ($1::text, 'A', 0, '2024-02-29 23:59:59.123456'), ($1::text, 'A', 1, '1969-12-31 23:59:59.999999')", [stream]);
        const [leap, old] = await db().readStream(stream).toArray();
        expect([leap?.time.toISOString(), leap?.timeMicros]).toEqual(["2024-02-29T23:59:59.123Z", 1_709_251_199_123_456n]);
        expect([old?.time.toISOString(), old?.timeMicros]).toEqual(["1969-12-31T23:59:59.999Z", -1n]);
      }));
    }

    // 34
    it("was written a moment ago, wherever the clock's hands stand", async () => {
      const { time } = await stored({});
      expect(Math.abs(time.getTime() - Date.now())).toBeLessThan(60_000);
    });
  });
}
