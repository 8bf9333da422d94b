import type { Duplex } from "node:stream";
import type { BrowserContext, Page } from "playwright-core";
import { json } from "millrace";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { until } from "../gateway/support/grpc-web.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { startSecureGateway } from "../support/secure-gateway.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { openPageSite, type PageSite } from "./page-site.js";

declare global {
  /** Set by the page's own script. */
  var client: { UmaDb: typeof UmaDb };
}

const PAGE = `
import { UmaDb } from "millrace/umadb";
globalThis.client = { UmaDb };
`;

describe("UmaDb with `url`, in pages of Chromium", { timeout: 60_000 }, () => {
  let umadb: UmaDbServer;
  let store: UmaDb;
  let gateway: ServedGateway;
  let site: PageSite;
  let context: BrowserContext;
  /** Sockets of tunnels, in the order in which they were opened. */
  const tunnels: Duplex[] = [];

  beforeAll(async () => {
    [umadb, site] = await Promise.all([startUmaDb(), openPageSite(PAGE)]);
    store = new UmaDb({ carrier: http2Carrier({ url: umadb.url }) });
    gateway = await serveGateway({ upstreams: { umadb: { url: umadb.url } } });
    gateway.server.on("upgrade", (_request, socket) => tunnels.push(socket));
  }, 120_000);

  afterAll(async () => {
    await site?.close();
    await gateway?.close();
    await store?.close();
    await umadb?.close();
  });

  afterEach(async () => {
    await context?.close();
    tunnels.length = 0;
  });

  const open = async (path: string): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(site.url + path);
    await page.waitForFunction("globalThis.client !== undefined");
    return page;
  };

  const append = (tag: string, count: number): Promise<bigint> =>
    store.append(Array.from({ length: count }, (_, n) => ({ type: "Counted", tags: [tag], data: json(n) })));

  /** Lets the page follow a tag in a number of subscriptions; what they saw stands in `seen`. */
  const follow = (page: Page, tag: string, count = 1, url = gateway.url): Promise<void> =>
    page.evaluate(async ([url, tag, count]) => {
      const db = new globalThis.client.UmaDb({ url });
      const seen: string[][] = [];
      const opened = Array.from({ length: count }, (_, n) => {
        const subscription = db.subscribe({ items: [{ tags: [tag] }] });
        seen[n] = [];
        void (async () => { for await (const { position } of subscription) seen[n]?.push(String(position)); })();
        return subscription.opened;
      });
      Object.assign(globalThis, { db, seen });
      await Promise.all(opened);
    }, [url, tag, count] as const);

  const seenBy = (page: Page): Promise<string[][]> => page.evaluate(() => (globalThis as unknown as { seen: string[][] }).seen);

  const positionsOf = async (tag: string): Promise<string[]> =>
    (await store.read({ items: [{ tags: [tag] }] }).toArray()).map(({ position }) => String(position));

  it("is kept by the back-forward cache while it follows, and goes on when it is shown again", async () => {
    context = await site.browser.newContext();
    const page = await open("/followed");
    await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => { Object.assign(globalThis, { persisted }); }));
    await follow(page, "cached");
    await append("cached", 3);
    await until("the events are there", async () => (await seenBy(page))[0]?.length === 3);
    expect(tunnels).toHaveLength(1);

    await page.goto(`${site.url}/elsewhere`);
    await until("its tunnel is closed", () => tunnels.every(({ destroyed }) => destroyed));
    await append("cached", 4);
    await page.evaluate(() => { history.back(); });
    await until("it is shown again", () => page.evaluate(() => "persisted" in globalThis).catch(() => false));
    expect(await page.evaluate(() => (globalThis as unknown as { persisted: boolean }).persisted)).toBe(true);
    // The tunnel that was opened again is the second: none was while the page was away.
    await until("what was missed is there", async () => (await seenBy(page))[0]?.length === 7);
    expect(tunnels).toHaveLength(2);
    await append("cached", 2);
    await until("what is new is there", async () => (await seenBy(page))[0]?.length === 9);
    expect((await seenBy(page))[0]).toEqual(await positionsOf("cached"));
  });

  it("makes its calls by HTTP/2 where there is TLS, and follows by a WebSocket beside that", async () => {
    const secure = await startSecureGateway(umadb.url);
    context = await site.browser.newContext({ ignoreHTTPSErrors: true });
    const page = await open("/secure");
    const network = await context.newCDPSession(page);
    await network.send("Network.enable");
    const protocols: string[] = [];
    network.on("Network.responseReceived", ({ response }) => { if (response.url.startsWith(secure.url)) protocols.push(String(response.protocol)); });
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await follow(page, "secure", 2, secure.url);
    await append("secure", 3);
    const stored = await positionsOf("secure");
    await until("the events are there", async () => (await seenBy(page)).every((seen) => seen.length === 3));
    expect(await seenBy(page)).toEqual([stored, stored]);
    expect(sockets).toEqual([`${secure.url.replace("https", "wss")}/millrace/tunnel`]);
    expect(protocols.length).toBeGreaterThan(0);
    expect(new Set(protocols)).toEqual(new Set(["h2"]));
    await context.close();
    expect(await secure.close()).toBe(0);
  });

  it("follows 20 queries and appends over HTTP/1.1, and so do two tabs more, none starved", async () => {
    context = await site.browser.newContext();
    const first = await open("/first");
    await follow(first, "shared", 20);
    const appendFrom = (page: Page, count: number): Promise<number> => page.evaluate(async (count) => {
      const { db } = globalThis as unknown as { db: UmaDb };
      const started = performance.now();
      for (let n = 0; n < count; n++) await db.append([{ type: "Counted", tags: ["shared"], data: new Uint8Array([n]) }]);
      return performance.now() - started;
    }, count);
    expect(await appendFrom(first, 20)).toBeLessThan(20_000);
    const others = [await open("/second"), await open("/third")];
    for (const page of others) await follow(page, "shared", 20);
    const took = await Promise.all([first, ...others].map((page) => appendFrom(page, 20)));
    expect(Math.max(...took)).toBeLessThan(20_000);
    const stored = await positionsOf("shared");
    expect(stored).toHaveLength(80);
    for (const page of [first, ...others]) {
      await until("all subscriptions have all events", async () => (await seenBy(page)).every((seen) => seen.length === stored.length));
      expect(await seenBy(page)).toEqual(Array.from({ length: 20 }, () => stored));
    }
    expect(tunnels).toHaveLength(3);
  });
});
