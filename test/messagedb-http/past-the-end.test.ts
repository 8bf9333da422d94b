import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb, type MessageSubscription } from "millrace/messagedb";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

let postgres: PostgresServer;
let proxy: ProxyServer;
let db: MessageDb;

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({ url: postgres.url() });
  db = new MessageDb({ url: proxy.url });
}, 60_000);

afterAll(async () => {
  await db.close();
  await proxy.close();
  await postgres.close();
});

function follow(subscription: MessageSubscription<number>): number[] {
  const seen: number[] = [];
  void (async () => { for await (const { data } of subscription) seen.push(data); })().catch(() => undefined);
  return seen;
}

describe("one who follows from past the end", () => {
  it.each(["past", "past-1", "$all"])("does not keep what is new in %s from others", async (name) => {
    const stream = name === "past-1" ? name : "past-2";
    await db.write(stream, { type: "N", data: 0 });
    const early = db.subscribe<number>(name, { after: 10n ** 17n });
    const seenEarly = follow(early);
    await early.opened;
    const late = db.subscribe<number>(name);
    const seen = follow(late);
    await late.opened;
    await expect.poll(() => late.state.kind, { timeout: 5_000 }).toBe("live");
    const stored = [...seen];
    for (const data of [1, 2, 3]) await db.write(stream, { type: "N", data });
    await expect.poll(() => seen.slice(stored.length), { timeout: 5_000 }).toEqual([1, 2, 3]);
    expect(stored.at(-1)).toBe(0);
    expect(seenEarly).toEqual([]);
    await Promise.all([early.close(), late.close()]);
  });

  it("gets what lies past its place when a page is written at once that others get from its beginning", async () => {
    const other = db.subscribe<number>("leap-1");
    const all = follow(other);
    await other.opened;
    // A client's subscriptions share a request, which is made anew for one that is behind.
    const apart = new MessageDb({ url: proxy.url });
    const early = apart.subscribe<number>("leap-1", { after: 499n });
    const seen = follow(early);
    await early.opened;
    await expect.poll(() => [other.state.kind, early.state.kind]).toEqual(["live", "live"]);
    await db.writeBatch("leap-1", Array.from({ length: 1_000 }, (_, data) => ({ type: "N", data })));
    await expect.poll(() => [all.length, seen.length], { timeout: 5_000 }).toEqual([1_000, 500]);
    expect(seen[0]).toBe(500);
    await Promise.all([other.close(), apart.close()]);
  });
});
