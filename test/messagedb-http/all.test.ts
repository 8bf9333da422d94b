import postgresJs from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb, type Message } from "millrace/messagedb";
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

const GAP_MS = 2_000;

/** Writes in a transaction that stays open. @returns Ends it. */
async function hold(type: string): Promise<(how: "commit" | "rollback") => Promise<void>> {
  const sql = postgresJs(postgres.url(), { max: 1, connection: { search_path: "message_store" } });
  const session = await sql.reserve();
  await session`BEGIN`;
  await session`SELECT write_message(gen_random_uuid()::varchar, 'held-1', ${type}, '{}'::jsonb)`;
  return async (how) => {
    await session.unsafe(how);
    session.release();
    await sql.end();
  };
}

function followAll(gapTimeoutMs: number): { types: string[]; subscription: ReturnType<MessageDb["subscribe"]> } {
  const types: string[] = [];
  const subscription = db.subscribe("$all", { after: "end", gapTimeoutMs });
  void (async () => { for await (const { type } of subscription as AsyncIterable<Message>) types.push(type); })();
  return { types, subscription };
}

describe('a subscription to "$all"', () => {
  it("waits for a message whose transaction is still open, and brings it in its place", async () => {
    const { types, subscription } = followAll(GAP_MS);
    await subscription.opened;
    const end = await hold("late");
    await db.write("other-1", { type: "early" });
    await new Promise((resolve) => setTimeout(resolve, GAP_MS / 2));
    expect(types).toEqual([]);
    await end("commit");
    await expect.poll(() => types).toEqual(["late", "early"]);
    expect(subscription.state.gaps).toBeUndefined();
    await subscription.close();
  });

  it("passes a gap after gapTimeoutMs, and reports it", async () => {
    const { types, subscription } = followAll(GAP_MS);
    const gaps: unknown[] = [];
    subscription.onStateChange((state) => { if (state.gaps !== undefined) gaps.push(state.gaps); });
    await subscription.opened;
    const end = await hold("too-late");
    const began = performance.now();
    await db.write("other-1", { type: "waiting" });
    await expect.poll(() => types, { timeout: 3 * GAP_MS }).toEqual(["waiting"]);
    expect(performance.now() - began).toBeGreaterThan(GAP_MS * 0.9);
    const held = (await db.readLastMessage("other-1"))?.globalPosition as bigint;
    expect(subscription.state.gaps).toEqual([{ from: held - 1n, to: held - 1n }]);
    expect(gaps).toContainEqual([{ from: held - 1n, to: held - 1n }]);
    await new Promise((resolve) => setTimeout(resolve, GAP_MS));
    await end("commit");
    await db.write("other-1", { type: "after" });
    await expect.poll(() => types).toEqual(["waiting", "after"]);
    await subscription.close();
  });

  it("does not wait for a gap that nobody can fill any more, nor report it", async () => {
    const { types, subscription } = followAll(60_000);
    await subscription.opened;
    const end = await hold("undone");
    await db.write("other-1", { type: "waiting" });
    await end("rollback");
    const reader = postgresJs(postgres.url(), { max: 1 });
    await reader.begin(async (transaction) => {
      // A reader, however long it takes, holds nothing up.
      await transaction`SELECT count(*) FROM message_store.messages`;
      await expect.poll(() => types, { timeout: 5_000 }).toEqual(["waiting"]);
    });
    await reader.end();
    expect(subscription.state.gaps).toBeUndefined();
    await subscription.close();
  });

  it("begins at the very beginning, past old gaps at once", async () => {
    const fresh = db.subscribe("$all", { gapTimeoutMs: 60_000 });
    const taken: bigint[] = [];
    const total = (await db.read("$all", { limit: Infinity }).toArray()).length;
    for await (const { globalPosition } of fresh) {
      taken.push(globalPosition);
      if (taken.length === total) break;
    }
    expect(taken).toEqual((await db.read("$all", { limit: Infinity }).toArray()).map(({ globalPosition }) => globalPosition));
  });
});
