import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb, type Message } from "millrace/messagedb";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

let postgres: PostgresServer;
let proxy: ProxyServer;
let db: MessageDb;

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({
    url: postgres.url(),
    queries: { "by-type": "SELECT * FROM message_store.messages WHERE stream_name = $stream AND position >= $position ORDER BY position LIMIT $limit" },
  });
  db = new MessageDb({ url: proxy.url });
}, 60_000);

afterAll(async () => {
  await db.close();
  await proxy.close();
  await postgres.close();
});

let names = 0;
const fresh = (): string => `kind${++names}x${Math.random().toString(36).slice(2, 8)}`;

async function take<T>(source: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await source.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

describe("MessageDb", () => {
  it("writes, and reads what it wrote", async () => {
    const stream = `${fresh()}-1`;
    expect(await db.write(stream, { type: "Opened", data: { n: 1 }, metadata: { by: "ada" } }, { expectedVersion: "no_stream" })).toBe(0n);
    expect(await db.writeBatch(stream, [{ type: "Moved", data: { n: 2 } }, { type: "Closed" }], { expectedVersion: 0n })).toBe(2n);
    const messages = await db.readStream(stream).toArray();
    expect(messages.map(({ type, position, data }) => [type, position, data])).toEqual([["Opened", 0n, { n: 1 }], ["Moved", 1n, { n: 2 }], ["Closed", 2n, null]]);
    expect(messages[0]?.metadata).toEqual({ by: "ada" });
    expect(Math.abs((messages[0] as Message).time.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it("says which version was expected and which there is", async () => {
    const stream = `${fresh()}-1`;
    await expect(db.write(stream, { type: "A" }, { expectedVersion: 4n })).rejects.toMatchObject({ name: "WrongExpectedVersionError", code: "conflict", stream, expected: 4n, actual: undefined, applied: "no" });
    await db.write(stream, { type: "A" });
    await expect(db.write(stream, { type: "B" }, { expectedVersion: "no_stream" })).rejects.toMatchObject({ expected: "no_stream", actual: 0n });
  });

  it("says that an id is taken", async () => {
    const stream = `${fresh()}-1`;
    const id = crypto.randomUUID();
    await db.write(stream, { type: "A", id });
    await expect(db.write(stream, { type: "B", id })).rejects.toMatchObject({ name: "DuplicateMessageError", code: "conflict", id });
  });

  it("answers what else there is to ask", async () => {
    const category = fresh();
    await db.write(`${category}-7`, { type: "A" });
    await db.write(`${category}-7`, { type: "B" });
    await db.write(`${category}-8`, { type: "A", metadata: { correlationStreamName: "other-1" } });
    expect(await db.streamVersion(`${category}-7`)).toBe(1n);
    expect(await db.streamVersion(`${category}-9`)).toBeUndefined();
    expect((await db.readLastMessage(`${category}-7`))?.type).toBe("B");
    expect((await db.readLastMessage(`${category}-7`, { type: "A" }))?.position).toBe(0n);
    expect(await db.readLastMessage(`${category}-9`)).toBeUndefined();
    expect(await db.streamIdentifiers(category)).toEqual(["7", "8"]);
    expect((await db.readCategory(category, { correlation: "other" }).toArray()).map(({ stream }) => stream)).toEqual([`${category}-8`]);
    const members = await Promise.all([0, 1].map((member) => db.readCategory(category, { consumerGroup: { member, size: 2 } }).toArray()));
    expect(members.flat()).toHaveLength(3);
    expect(await db.messageStoreVersion()).toBe("1.3.0");
    expect((await db.streamSummary()).find(({ stream }) => stream === `${category}-7`)?.count).toBe(2n);
    expect((await db.typeSummary()).some(({ type }) => type === "A")).toBe(true);
    expect((await db.streamTypeSummary()).some(({ stream, type }) => stream === `${category}-8` && type === "A")).toBe(true);
    expect((await db.typeStreamSummary()).length).toBeGreaterThan(0);
    expect((await db.categoryTypeSummary()).find((row) => row.category === category && row.type === "A")?.count).toBe(2n);
    expect((await db.typeCategorySummary()).length).toBeGreaterThan(0);
  });

  it("reads everything in ascending order after a position, page by page", async () => {
    const stream = `${fresh()}-1`;
    for (let batch = 0; batch < 3; batch += 1) await db.writeBatch(stream, Array.from({ length: 500 }, (_, n) => ({ type: "N", data: { n: batch * 500 + n } })));
    const [first] = await db.readStream(stream, { limit: 1 }).toArray();
    const all = await db.read("$all", { after: first?.globalPosition, limit: Infinity }).toArray();
    expect(all.map(({ data }) => (data as { n: number }).n)).toEqual(Array.from({ length: 1_499 }, (_, n) => n + 1));
    expect((await db.readStream(stream, { limit: Infinity }).toArray()).length).toBe(1_500);
  });

  it("runs queries that the operator registered, by name alone", async () => {
    const stream = `${fresh()}-1`;
    await db.writeBatch(stream, [{ type: "A" }, { type: "B" }, { type: "C" }]);
    expect((await db.query("by-type", { stream, position: 1n, limit: 1 })).map(({ type }) => type)).toEqual(["B"]);
    await expect(db.query("SELECT 1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("refuses wrong arguments before anything is sent", async () => {
    let sent = 0;
    const counting = new MessageDb({ url: proxy.url, fetch: async () => { sent += 1; return new Response(); } });
    await expect(counting.write("s-1", { type: 1 as unknown as string })).rejects.toMatchObject({ code: "invalid_argument" });
    expect(() => counting.readStream("nohyphen")).toThrow(/stream's name/);
    expect(() => counting.subscribe("a", { start: 1n, after: 1n })).toThrow(/beside/);
    expect(() => counting.subscribe("a", { gapTimeoutMs: 5 })).toThrow(/\$all/);
    expect(sent).toBe(0);
  });
});

describe("MessageDb.subscribe()", () => {
  it("brings what is stored, says that it is live, and goes on", async () => {
    const category = fresh();
    await db.writeBatch(`${category}-1`, [{ type: "A" }, { type: "B" }]);
    const subscription = db.subscribe(category);
    const live = new Promise<void>((resolve) => subscription.onStateChange(({ kind }) => { if (kind === "live") resolve(); }));
    const messages = subscription.values();
    expect((await take(messages, 2)).map(({ type }) => type)).toEqual(["A", "B"]);
    const next = messages.next();
    await live;
    await db.write(`${category}-2`, { type: "C" });
    expect((await next).value).toMatchObject({ type: "C" });
    await subscription.close();
    expect(subscription.state.kind).toBe("closed");
  });

  it("begins at the end, in a category, a stream and in everything", async () => {
    const category = fresh();
    await db.write(`${category}-1`, { type: "old" });
    for (const name of [category, `${category}-1`, "$all"]) {
      const subscription = db.subscribe(name, { after: "end" });
      await subscription.opened;
      const next = subscription.values().next();
      await db.write(`${category}-1`, { type: `new in ${name}` });
      expect((await next).value).toMatchObject({ type: `new in ${name}` });
      await subscription.close();
    }
  });

  it("reads history by pages, then follows", async () => {
    const category = fresh();
    for (let batch = 0; batch < 5; batch += 1) await db.writeBatch(`${category}-${batch}`, Array.from({ length: 500 }, (_, n) => ({ type: "N", data: batch * 500 + n })));
    const requests: string[] = [];
    const watched = new MessageDb({ url: proxy.url, fetch: (input, init) => { requests.push(`${init?.method ?? "GET"} ${String(input).replace(/.*v1\//, "").replace(/\?.*/, "")}`); return fetch(input, init); } });
    const subscription = watched.subscribe<number>(category);
    const messages = subscription.values();
    expect((await take(messages, 2_500)).map(({ data }) => data)).toEqual(Array.from({ length: 2_500 }, (_, n) => n));
    const next = messages.next();
    await db.write(`${category}-9`, { type: "N", data: 2_500 });
    expect((await next).value).toMatchObject({ data: 2_500 });
    expect(requests).toEqual(["POST subscribe", "GET read", "GET read", "GET read", "POST subscribe"]);
    await watched.close();
  });

  it("shares one request among all subscriptions of a client", async () => {
    const categories = Array.from({ length: 30 }, fresh);
    let open = 0;
    let most = 0;
    const watched = new MessageDb({ url: proxy.url, fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (String(input).endsWith("/subscribe")) {
        open += 1;
        most = Math.max(most, open);
        init?.signal?.addEventListener("abort", () => { open -= 1; });
      }
      return response;
    } });
    const subscriptions = categories.map((category) => watched.subscribe(category));
    await Promise.all(subscriptions.map((subscription) => subscription.opened));
    const firsts = subscriptions.map((subscription) => subscription.values().next());
    await Promise.all(categories.map((category) => db.write(`${category}-1`, { type: category })));
    expect((await Promise.all(firsts)).map(({ value }) => (value as Message).type)).toEqual(categories);
    expect(most).toBe(1);
    await watched.close();
  });
});
