import { hash64, cardinalId, type Message, type ReadCategoryOptions } from "millrace/messagedb";
import { describe, expect } from "vitest";
import { errorOf, fill, uniqueCategory, values, type SpecContext } from "./backend.js";

export function readCategorySpec({ db, onSession, it, everywhere }: SpecContext): void {
  const read = (category: string, options?: ReadCategoryOptions): Promise<Message[]> => db().readCategory(category, options).toArray();
  const streamsOf = (messages: readonly Message[]): string[] => [...new Set(messages.map(({ stream }) => stream))].sort();

  describe("readCategory()", () => {
    // 19
    everywhere("gives the messages of all its streams in the order in which they were written", async () => {
      const category = uniqueCategory("category");
      for (const [index, stream] of ["1", "2", "3", "1", "2", "3"].entries()) await db().write(`${category}-${stream}`, { type: "A", data: { n: index } });
      const messages = await read(category);
      expect(values(messages)).toEqual([0, 1, 2, 3, 4, 5]);
      const places = messages.map(({ globalPosition }) => globalPosition);
      expect(places).toEqual([...places].sort((a, b) => Number(a - b)));
      expect(streamsOf(messages)).toEqual([`${category}-1`, `${category}-2`, `${category}-3`]);
    });

    // 19
    it("begins at a global position, inclusive, and gives at most `limit` messages", async () => {
      const category = uniqueCategory("range");
      await fill(db(), `${category}-1`, 2);
      await fill(db(), `${category}-2`, 2);
      const all = await read(category);
      expect(values(await read(category, { start: all[1]?.globalPosition, limit: 2 }))).toEqual([1, 0]);
      expect(values(await read(category, { limit: 2 }))).toEqual([0, 1]);
      expect(values(await read(category, { limit: Infinity }))).toEqual([0, 1, 0, 1]);
      expect(await read(category, { start: (all.at(-1)?.globalPosition ?? 0n) + 1n })).toEqual([]);
    });

    // 19
    it("refuses a stream's name, before anything is sent", async () => {
      await expect(async () => read("testStream-123")).rejects.toMatchObject({ code: "invalid_argument", message: "`category` must be a category's name, which has no hyphen, got a string" });
    });

    // 21
    everywhere("takes the stream that has the category's bare name too, and no category that only begins the same", async () => {
      const category = uniqueCategory("w");
      await db().write(category, { type: "Bare", data: { n: "bare" } });
      await db().write(`${category}x-1`, { type: "Longer", data: { n: "longer" } });
      await db().write(`${category}:command-1`, { type: "Command", data: { n: "command" } });
      await db().write(`${category}-1`, { type: "Own", data: { n: "own" } });
      expect(values(await read(category))).toEqual(["bare", "own"]);
      expect(values(await read(`${category}:command`))).toEqual(["command"]);
    });

    it("takes `_` and `%` of a name for what they are", async () => {
      const category = uniqueCategory("wild");
      await db().write(`${category}_a-1`, { type: "A", data: { n: 1 } });
      await db().write(`${category}xa-1`, { type: "A", data: { n: 2 } });
      expect(values(await read(`${category}_a`))).toEqual([1]);
      expect(await db().streamIdentifiers(`${category}_a`)).toEqual(["1"]);
      expect(await read(`${category}%`)).toEqual([]);
    });
  });

  describe("readCategory() with a correlation", () => {
    // 20
    everywhere("gives the messages whose metadata names a stream of that category", async () => {
      const [category, other] = [uniqueCategory("correlated"), uniqueCategory("other")];
      await fill(db(), `${category}-1`, 1, { correlationStreamName: `${other}-1` });
      await fill(db(), `${category}-2`, 1);
      await fill(db(), `${category}-3`, 2, { correlationStreamName: `${other}-2` });
      await fill(db(), `${category}-4`, 1, { correlationStreamName: `${other}x-2` });
      expect(streamsOf(await read(category, { correlation: other }))).toEqual([`${category}-1`, `${category}-3`]);
      expect(await read(category, { correlation: other, limit: 2 })).toHaveLength(2);
    });

    // 20
    it("refuses a stream's name, before anything is sent", async () => {
      await expect(async () => read("a", { correlation: "b-1" })).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`options.correlation`") as unknown });
    });
  });

  describe("readCategory() for a consumer group", () => {
    // 22
    everywhere("gives each message to one member", async () => {
      const category = uniqueCategory("group");
      for (let stream = 0; stream < 10; stream++) await fill(db(), `${category}-${stream}`, 2);
      const parts = await Promise.all([0, 1, 2].map((member) => read(category, { consumerGroup: { member, size: 3 } })));
      expect(parts.flat().map(({ globalPosition }) => globalPosition).sort((a, b) => Number(a - b))).toEqual((await read(category)).map(({ globalPosition }) => globalPosition));
      for (const [member, part] of parts.entries()) {
        for (const { stream } of part) expect(Number(absolute(hash64(cardinalId(stream) ?? "")) % 3n)).toBe(member);
      }
    });

    // 24
    it("gives compound ids with the same cardinal id to the same member", async () => {
      const category = uniqueCategory("compound");
      for (const id of ["a+1", "a+2", "a+3", "a", "b+1"]) await fill(db(), `${category}-${id}`, 1);
      const parts = await Promise.all([0, 1].map((member) => read(category, { consumerGroup: { member, size: 2 } })));
      const withA = parts.filter((part) => part.some(({ stream }) => stream.startsWith(`${category}-a`)));
      expect(withA).toHaveLength(1);
      expect(withA[0]?.filter(({ stream }) => stream.startsWith(`${category}-a`))).toHaveLength(4);
    });

    // 24
    it("of one member gives it everything but the stream without an id, which is no member's", async () => {
      const category = uniqueCategory("single");
      await fill(db(), `${category}-1`, 2);
      await fill(db(), `${category}-2`, 1);
      await fill(db(), category, 1);
      expect(values(await read(category, { consumerGroup: { member: 0, size: 1 } }))).toEqual([0, 1, 0]);
      expect(await read(category)).toHaveLength(4);
    });

    // 24
    it("may have more members than there are streams", async () => {
      const category = uniqueCategory("large");
      for (let stream = 0; stream < 3; stream++) await fill(db(), `${category}-${stream}`, 1);
      const parts = await Promise.all(Array.from({ length: 10 }, (_, member) => read(category, { consumerGroup: { member, size: 10 } })));
      expect(parts.flat()).toHaveLength(3);
      expect(await read(category, { consumerGroup: { member: 32_766, size: 32_767 } })).toEqual([]);
    });

    // 25
    it("keeps the order within a stream, from page to page", async () => {
      const category = uniqueCategory("paged");
      for (let n = 0; n < 5; n++) for (const id of ["a", "b", "c"]) await db().write(`${category}-${id}`, { type: "A", data: { n } });
      for (const member of [0, 1]) {
        const seen: Message[] = [];
        for (let start = 0n; ;) {
          const page = await read(category, { start, limit: 2, consumerGroup: { member, size: 2 } });
          if (page.length === 0) break;
          seen.push(...page);
          start = (page.at(-1)?.globalPosition ?? 0n) + 1n;
        }
        for (const stream of streamsOf(seen)) expect(values(seen.filter((message) => message.stream === stream))).toEqual([0, 1, 2, 3, 4]);
      }
    });

    // 22
    it("goes together with a correlation, from a position on", async () => {
      const category = uniqueCategory("both");
      await fill(db(), `${category}-1`, 3, { correlationStreamName: "order-1" });
      await fill(db(), `${category}-1`, 1);
      const options = { correlation: "order", consumerGroup: { member: 0, size: 1 } };
      const all = await read(category, options);
      expect(values(all)).toEqual([0, 1, 2]);
      expect(values(await read(category, { ...options, start: all[1]?.globalPosition, limit: 1 }))).toEqual([1]);
    });

    // 23, 24
    it.each([
      ["no member", { size: 3 }, "`options.consumerGroup.member` must be an integer from 0 to 2, got undefined"],
      ["no size", { member: 0 }, "`options.consumerGroup.size` must be an integer from 1 to 32767, got undefined"],
      ["a negative member", { member: -1, size: 3 }, "`options.consumerGroup.member` must be an integer from 0 to 2, got a negative number"],
      ["a size of 0", { member: 0, size: 0 }, "`options.consumerGroup.size` must be an integer from 1 to 32767, got a number"],
      ["a negative size", { member: 0, size: -1 }, "`options.consumerGroup.size` must be an integer from 1 to 32767, got a negative number"],
      ["a member as large as the size", { member: 3, size: 3 }, "`options.consumerGroup.member` must be an integer from 0 to 2, got a number"],
      ["a size past 32 767", { member: 0, size: 32_768 }, "`options.consumerGroup.size` must be an integer from 1 to 32767, got a number"],
    ])("refuses %s, before anything is sent", async (_, consumerGroup, message) => {
      await expect(async () => read("a", { consumerGroup: consumerGroup as { member: number; size: number } })).rejects.toMatchObject({ code: "invalid_argument", message });
    });
  });

  describe("read() of a name without a hyphen", () => {
    everywhere("reads the category, for a consumer group too", async () => {
      const category = uniqueCategory("byname");
      await fill(db(), `${category}-1`, 1);
      await fill(db(), `${category}-2`, 1);
      expect(values(await db().read(category).toArray())).toEqual([0, 0]);
      expect(await db().read(category, { consumerGroup: { member: 0, size: 1 } }).toArray()).toHaveLength(2);
    });
  });

  describe("streamIdentifiers()", () => {
    everywhere("are the ids of a category's streams, each once and sorted, without empty ones", async () => {
      const category = uniqueCategory("ids");
      for (const stream of ["-b", "-a", "-b", "-A", "-", ":snapshot-c", "-a+1", ""]) await db().write(`${category}${stream}`, { type: "A" });
      expect(await db().streamIdentifiers(category)).toEqual(["A", "a", "a+1", "b"]);
      expect(await db().streamIdentifiers(`${category}:snapshot`)).toEqual(["c"]);
      expect(await db().streamIdentifiers(uniqueCategory("none"))).toEqual([]);
    });
  });

  if (onSession === undefined) return;

  describe("get_category_messages", () => {
    const group = (member: string, size: string): string => `SELECT * FROM get_category_messages('a', consumer_group_member => ${member}, consumer_group_size => ${size})`;

    // 19, 20, 23, 24
    it.each([
      ["a stream's name", "SELECT * FROM get_category_messages('a-1')", "P0001", "Must be a category: a-1"],
      ["a correlation with a hyphen", "SELECT * FROM get_category_messages('a', correlation => 'b-1')", "P0001", "Correlation must be a category (Correlation: b-1)"],
      ["a size without a member", group("NULL", "3"), "P0001", "Consumer group member and size must be specified (Consumer Group Member: <NULL>, Consumer Group Size: 3)"],
      ["a member without a size", group("0", "NULL"), "P0001", "Consumer group member and size must be specified (Consumer Group Member: 0, Consumer Group Size: <NULL>)"],
      ["a size below 1", group("0", "0"), "P0001", "Consumer group size must not be less than 1 (Consumer Group Member: 0, Consumer Group Size: 0)"],
      ["a member below 0", group("-1", "3"), "P0001", "Consumer group member must not be less than 0 (Consumer Group Member: -1, Consumer Group Size: 3)"],
      ["a member equal to the size", group("3", "3"), "P0001", "Consumer group member must be less than the group size (Consumer Group Member: 3, Consumer Group Size: 3)"],
      ["a member greater than the size", group("4", "3"), "P0001", "Consumer group member must be less than the group size (Consumer Group Member: 4, Consumer Group Size: 3)"],
      ["a size past 32 767", group("0", "32768"), "22003", "smallint out of range"],
    ])("refuses %s", (_, text, code, message) => onSession(async (session) => {
      expect(await errorOf(session.query(text))).toMatchObject({ code, message });
    })());

    // 26
    it("takes a condition when conditions are on, with a correlation too, and else refuses it", onSession(async (session) => {
      const category = uniqueCategory("condition");
      await fill(db(), `${category}-1`, 2, { correlationStreamName: "order-1" });
      await fill(db(), `${category}-2`, 2);
      const text = "SELECT stream_name::text AS stream FROM get_category_messages($1::text, correlation => $2::text, condition => 'position = 1')";
      expect(await errorOf(session.query(text, [category, null]))).toMatchObject({ code: "P0001", message: "Retrieval with SQL condition is not activated" });
      await session.query("SET message_store.sql_condition = 'on'");
      try {
        expect(await session.query(text, [category, null])).toEqual([{ stream: `${category}-1` }, { stream: `${category}-2` }]);
        expect(await session.query(text, [category, "order"])).toEqual([{ stream: `${category}-1` }]);
      } finally {
        await session.query("SET message_store.sql_condition = 'off'");
      }
    }));
  });
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
