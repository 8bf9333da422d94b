import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { json } from "millrace";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { openPageSite, type PageSite } from "./page-site.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

declare global {
  var showOrders: (element: Element, url: string) => { close(): Promise<void> };
  var serverText: string;
}

const PAGE = `
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { liveFeed } from "millrace/live";
import { showOrders } from "./docs/examples/react/main.tsx";
import { Orders } from "./docs/examples/react/orders.tsx";
const unopened = liveFeed(() => { throw new Error("A server watches nothing"); });
Object.assign(globalThis, { showOrders, serverText: renderToString(createElement(Orders, { feed: unopened })) });
`;

describe("the example of live data in React", { timeout: 60_000 }, () => {
  let umadb: UmaDbServer;
  let store: UmaDb;
  let gateway: ServedGateway;
  let site: PageSite;
  let page: Page;

  beforeAll(async () => {
    [umadb, site] = await Promise.all([startUmaDb(), openPageSite(PAGE)]);
    store = new UmaDb({ carrier: http2Carrier({ url: umadb.url }) });
    gateway = await serveGateway({ upstreams: { umadb: { url: umadb.url } } });
    page = await site.browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction("globalThis.showOrders !== undefined");
  }, 120_000);
  afterAll(async () => {
    await site?.close();
    await gateway?.close();
    await store?.close();
    await umadb?.close();
  });

  const place = (order: string): Promise<bigint> => store.append([{ type: "OrderPlaced", tags: [order], data: json({}) }]);
  const shown = (): Promise<string[]> => page.locator("li").allTextContents();

  it("shows stored and new orders and the state, holds still when it is paused, and ends with the page's client", async () => {
    const failures: string[] = [];
    page.on("pageerror", (error) => failures.push(error.message));
    await place("order:1");
    await page.evaluate((url) => { Object.assign(globalThis, { shown: globalThis.showOrders(document.querySelector("#root") as Element, url) }); }, gateway.url);
    await page.locator("li", { hasText: "order:1" }).waitFor();
    await page.getByRole("status").filter({ hasText: /^live, \d/ }).waitFor();
    await place("order:2");
    await page.locator("li", { hasText: "order:2" }).waitFor();
    expect(await shown()).toEqual(["order:1", "order:2"]);

    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("status").filter({ hasText: /^paused/ }).waitFor();
    await place("order:3");
    await place("order:4");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.locator("li", { hasText: "order:4" }).waitFor();
    expect(await shown()).toEqual(["order:1", "order:2", "order:3", "order:4"]);

    await page.evaluate(() => (globalThis as unknown as { shown: { close(): Promise<void> } }).shown.close());
    expect(await page.locator("#root > *").count()).toBe(0);
    expect(failures).toEqual([]);
  });

  it("is right in its types", async () => {
    await promisify(execFile)(`${root}node_modules/.bin/tsc`, ["-p", `${root}docs/examples/react`], { cwd: root });
  });

  it("renders on a server, without a connection", async () => {
    expect(await page.evaluate(() => globalThis.serverText)).toMatch(/connecting, .*<ol><\/ol>/);
  });
});
