import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { createGateway, type Gateway } from "millrace-server/gateway";
import { MessageDb } from "millrace/messagedb";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumArgs, requireChromium } from "../support/chromium.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let postgres: PostgresServer;
let umadb: UmaDbServer;
let gateway: Gateway;
let server: Server;
let url: string;
let browser: Browser;
let page: Page;
const pages: string[] = [];

beforeAll(async () => {
  [postgres, umadb] = await Promise.all([startPostgres(), startUmaDb()]);
  const script = await build({
    stdin: { contents: 'import { MessageDb } from "millrace/messagedb"; import { UmaDb } from "millrace/umadb"; Object.assign(globalThis, { MessageDb, UmaDb });', resolveDir: root },
    bundle: true, write: false, format: "iife", platform: "browser",
    alias: { "millrace/messagedb": `${root}src/messagedb/index.ts`, "millrace/umadb": `${root}src/umadb/index.ts` },
  });
  gateway = createGateway({ upstreams: { umadb: { url: umadb.url }, messagedb: { url: postgres.url() } }, allowAll: true, limits: { drainMs: 500 } });
  server = createServer((request, response) => {
    if (request.url?.startsWith("/messagedb/v1/read?") === true) pages.push(request.url);
    if (request.url === "/page") response.setHeader("content-type", "text/html").end("<!doctype html><script src=/page.js></script>");
    else if (request.url === "/page.js") response.setHeader("content-type", "text/javascript").end(script.outputFiles[0]?.text);
    else gateway.node(request, response);
  });
  server.on("upgrade", gateway.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({ executablePath: requireChromium(), args: [...chromiumArgs] });
  page = await browser.newPage();
  await page.goto(`${url}/page`);
}, 60_000);

afterAll(async () => {
  await browser.close();
  const closed = new Promise((resolve) => server.close(resolve));
  await gateway.close();
  server.closeAllConnections();
  await closed;
  await Promise.all([postgres.close(), umadb.close()]);
});

/** Runs in the page; what it makes is its classes and the gateway's address. */
function inPage<T>(body: string): Promise<T> {
  return page.evaluate(`(async () => { const url = location.origin; ${body} })()`);
}

describe("a page in Chromium over plain HTTP/1.1", () => {
  it("reads a full page of 1 000 from the browser's cache, without a request", async () => {
    const db = new MessageDb({ url });
    await db.writeBatch("history-1", Array.from({ length: 1_000 }, (_, n) => ({ type: "N", data: n })));
    await db.close();
    const read = `const db = new MessageDb({ url }); const got = [];
      for (const name of ["history-1", "history"]) got.push((await db.read(name).toArray()).map(({ data }) => data).join());
      await db.close(); return got;`;
    const expected = Array.from({ length: 1_000 }, (_, n) => n).join();
    expect(await inPage(read)).toEqual([expected, expected]);
    expect(pages).toHaveLength(2);
    expect(await inPage(read)).toEqual([expected, expected]);
    expect(pages).toHaveLength(2);
  });

  it("follows 20 streams of Message DB and 20 queries of UmaDB while it writes to both, and none is starved", async () => {
    const got = await inPage<{ messages: number[]; events: number[] }>(`
      const db = new MessageDb({ url }), store = new UmaDb({ url });
      const run = crypto.randomUUID().slice(0, 8);
      const messages = Array.from({ length: 20 }, () => 0), events = Array.from({ length: 20 }, () => 0);
      const follow = async (subscription, counts, n) => { for await (const _ of subscription) if (++counts[n] === 5) break; };
      const followed = messages.flatMap((_, n) => [
        follow(db.subscribe("k" + run + n), messages, n),
        follow(store.subscribe({ items: [{ tags: [run + n] }] }), events, n),
      ]);
      for (let round = 0; round < 5; round++) {
        await Promise.all(messages.flatMap((_, n) => [
          db.write("k" + run + n + "-1", { type: "N", data: round }),
          store.append([{ type: "N", tags: [run + n], data: new Uint8Array([round]) }]),
        ]));
      }
      await Promise.race([Promise.all(followed), new Promise((resolve) => setTimeout(resolve, 30000))]);
      await Promise.all([db.close(), store.close()]);
      return { messages, events };`);
    expect(got).toEqual({ messages: Array.from({ length: 20 }, () => 5), events: Array.from({ length: 20 }, () => 5) });
  }, 60_000);
});
