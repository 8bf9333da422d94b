import { MessageDb, type Message } from "millrace/messagedb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

let postgres: PostgresServer;
let proxy: ProxyServer;

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({ url: postgres.url(), pollMs: 20 });
}, 60_000);

afterAll(async () => {
  await proxy?.close();
  await postgres?.close();
});

/** A network that gives an answer away when it is whole, and what subscriptions asked through it. */
function holdingBack(): { fetch: typeof globalThis.fetch; waits: (number | undefined)[] } {
  const waits: (number | undefined)[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    if (String(input).endsWith("/subscribe")) waits.push((JSON.parse(init?.body as string) as { waitMs?: number }).waitMs);
    const response = await globalThis.fetch(input, init);
    return new Response(await response.text(), response);
  };
  return { fetch, waits };
}

describe("a subscription through a network that holds answers back until they are whole", () => {
  it("is live soon, then brings what is written by answers that end with it, each message once and in order", async () => {
    const { fetch, waits } = holdingBack();
    const db = new MessageDb({ url: proxy.url, fetch, connectTimeoutMs: 200, retry: { baseMs: 10, maxMs: 20 } });
    await db.write("held-1", { type: "A", data: 0 });
    const subscription = db.subscribe("held");
    const batches = subscription.batches();
    const seen: unknown[] = [];
    const reading = (async () => {
      while (seen.length < 6) for (const { data } of ((await batches.next()).value as Message[] | undefined) ?? []) seen.push(data);
    })();
    await expect.poll(() => subscription.state.kind, { timeout: 8_000 }).toBe("live");
    // The first was a stream; those that follow end by themselves, soon until it is live.
    expect(waits[0]).toBeUndefined();
    expect(waits[1]).toBe(500);
    for (let n = 1; n < 6; n++) await db.write("held-1", { type: "A", data: n });
    await reading;
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(waits.at(-1)).toBe(25_000);
    await db.close();
  });
});
