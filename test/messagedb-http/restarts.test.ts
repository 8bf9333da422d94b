import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb } from "millrace/messagedb";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

const SUBSCRIPTIONS = 50;

let postgres: PostgresServer;
let proxy: ProxyServer;

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({ url: postgres.url() });
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await postgres.close();
});

describe("PostgreSQL killed and started again under 50 subscriptions and a writer", () => {
  it.each(["SIGQUIT", "SIGINT"] as const)("by %s: nothing is lost, repeated or out of order", async (signal) => {
    const category = `account${signal.toLowerCase()}`;
    const retry = { attempts: 100, baseMs: 50, maxMs: 500 };
    const writer = new MessageDb({ url: proxy.url, retry });
    const reader = new MessageDb({ url: proxy.url, retry: { baseMs: 50, maxMs: 500 } });
    const seen: number[][] = [];
    const states = new Set<string>();
    const names = Array.from({ length: SUBSCRIPTIONS }, (_, n) => (n % 5 === 4 ? `${category}-1` : category));
    const subscriptions = names.map((name) => {
      const mine: number[] = [];
      seen.push(mine);
      const subscription = reader.subscribe<number>(name);
      subscription.onStateChange(({ kind }) => states.add(kind));
      void (async () => { for await (const { data } of subscription) mine.push(data); })().catch(() => undefined);
      return subscription;
    });
    await Promise.all(subscriptions.map(({ opened }) => opened));

    let written = 0;
    let stop = false;
    const writing = (async () => {
      while (!stop) {
        await writer.write(`${category}-1`, { type: "N", data: written });
        written += 1;
      }
    })();
    const reached = async (count: number): Promise<void> => { await expect.poll(() => seen[0]?.length, { timeout: 20_000 }).toBeGreaterThan(count); };
    await reached(50);
    for (let round = 0; round < 2; round += 1) {
      await postgres.stop(signal);
      await expect.poll(() => states.has("waiting"), { timeout: 10_000 }).toBe(true);
      await postgres.restart();
      await reached(written + 20);
    }
    stop = true;
    await writing;
    await expect.poll(() => seen.every((mine) => mine.length >= written), { timeout: 20_000 }).toBe(true);
    const expected = Array.from({ length: written }, (_, n) => n);
    for (const mine of seen) expect(mine).toEqual(expected);
    expect((await writer.readStream<number>(`${category}-1`, { limit: Infinity }).toArray()).map(({ data }) => data)).toEqual(expected);
    await Promise.all([writer.close(), reader.close()]);
  }, 60_000);
});
