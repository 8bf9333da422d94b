import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb } from "millrace/messagedb";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

const SUBSCRIBERS = 1_000;
const FOLLOWED_MS = 10_000;

let postgres: PostgresServer;
let proxy: ProxyServer;

beforeAll(async () => {
  postgres = await startPostgres(["-c", "track_functions=pl"]);
  proxy = await serveMessageDb({ url: postgres.url() });
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await postgres.close();
});

async function categoryCalls(): Promise<number> {
  // What a session has counted is told when it is idle, at most once a second.
  const [row] = await postgres.admin("SELECT pg_stat_clear_snapshot(); SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_user_functions WHERE funcname = 'get_category_messages'");
  return row?.["calls"] as number;
}

describe("a category that many follow", () => {
  it("is asked for at most 110 times in 10 s whatever their number, and each sees every message once, in order", async () => {
    const writer = new MessageDb({ url: proxy.url });
    const clients = Array.from({ length: 10 }, () => new MessageDb({ url: proxy.url }));
    const before = await categoryCalls();
    const seen: number[][] = Array.from({ length: SUBSCRIBERS }, () => []);
    const subscriptions = seen.map((mine, n) => {
      const subscription = (clients[n % clients.length] as MessageDb).subscribe<number>("crowd");
      void (async () => { for await (const { data } of subscription) mine.push(data); })().catch(() => undefined);
      return subscription;
    });
    const end = performance.now() + FOLLOWED_MS;
    await Promise.all(subscriptions.map((subscription) => subscription.opened));
    let written = 0;
    while (performance.now() < end) {
      await writer.write(`crowd-${written % 7}`, { type: "N", data: written });
      written += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expect.poll(() => seen.filter((mine) => mine.length >= written).length, { timeout: 20_000 }).toBe(SUBSCRIBERS);
    const followedMs = performance.now() - end + FOLLOWED_MS;
    await Promise.all([...clients, writer].map((client) => client.close()));
    const expected = Array.from({ length: written }, (_, n) => n);
    for (const mine of seen) expect(mine).toEqual(expected);
    expect(written).toBeGreaterThan(50);
    // Sessions tell at most once a second what they counted; what comes late must not be missed.
    await expect.poll(async () => (await categoryCalls()) - before, { timeout: 5_000 }).toBeGreaterThan(50);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const calls = (await categoryCalls()) - before;
    console.log(`${calls} calls in ${Math.round(followedMs)} ms, ${written} messages to each of ${SUBSCRIBERS}`);
    expect(calls).toBeLessThanOrEqual(110 * followedMs / FOLLOWED_MS);
  }, 60_000);
});
