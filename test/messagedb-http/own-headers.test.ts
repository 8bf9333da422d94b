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

describe("subscriptions of one client", () => {
  it("share one request, but for one with headers of its own, which are sent with the client's", async () => {
    const asked: { names: string[]; tenant: string | null; token: string | null }[] = [];
    const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      if (String(input).endsWith("/subscribe")) {
        const { subscriptions } = JSON.parse(init?.body as string) as { subscriptions: { name: string }[] };
        const headers = new Headers(init?.headers);
        asked.push({ names: subscriptions.map(({ name }) => name), tenant: headers.get("tenant"), token: headers.get("authorization") });
      }
      return globalThis.fetch(input, init);
    };
    const db = new MessageDb({ url: proxy.url, fetch, headers: { authorization: "Bearer a" } });
    const subscriptions = [db.subscribe("first"), db.subscribe("second"), db.subscribe("third", { headers: { tenant: "b" } })];
    const firsts = subscriptions.map((subscription) => subscription.batches().next());
    await Promise.all(subscriptions.map(({ opened }) => opened));
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual({ names: ["first", "second"], tenant: null, token: "Bearer a" });
    expect(asked).toContainEqual({ names: ["third"], tenant: "b", token: "Bearer a" });
    for (const name of ["first", "second", "third"]) await db.write(`${name}-1`, { type: name });
    expect((await Promise.all(firsts)).map(({ value }) => (value as Message[] | undefined)?.map(({ type }) => type))).toEqual([["first"], ["second"], ["third"]]);
    await db.close();
  });
});
