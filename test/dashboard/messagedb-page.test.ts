import { MessageDbDirect } from "millrace/messagedb/direct";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromiumArgs, requireChromium } from "../support/chromium.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { buildDashboard, DashboardSite } from "./dashboard-site.js";

const NO_UMADB = "http://127.0.0.1:1";

describe("the dashboard's page of Message DB", { timeout: 60_000 }, () => {
  let postgres: PostgresServer;
  let db: MessageDbDirect;
  let pages: Awaited<ReturnType<typeof buildDashboard>>;
  let site: DashboardSite;
  let browser: Browser;
  const opened: Page[] = [];
  const misdeeds: string[] = [];

  beforeAll(async () => {
    [postgres, pages, browser] = await Promise.all([startPostgres(), buildDashboard(), chromium.launch({ executablePath: requireChromium(), args: [...chromiumArgs] })]);
    db = new MessageDbDirect({ url: postgres.url() });
    site = await DashboardSite.open(pages, NO_UMADB, "everything", postgres.url());
    await db.write("account-1", { type: "Opened", data: { by: "ada" }, metadata: { from: "branch" } });
    await db.write("account-2", { type: "Opened", data: { by: "bob" } });
    await db.write("order-1", { type: "Placed", data: { items: 3 } });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await site?.stop();
    await db?.close();
    await postgres?.close();
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((page) => page.context().close()));
    expect(misdeeds.splice(0)).toEqual([]);
  });

  async function openPage(url = `${site.url}#messagedb`, width = 1280): Promise<Page> {
    const page = await (await browser.newContext({ viewport: { width, height: 800 } })).newPage();
    opened.push(page);
    page.on("pageerror", (error) => misdeeds.push(`threw ${error.message}`));
    page.on("console", (message) => { if (message.text().includes("Content Security Policy")) misdeeds.push(message.text()); });
    await page.goto(url);
    return page;
  }

  const live = (page: Page): Promise<void> => page.locator("#connection-title", { hasText: "Live" }).waitFor();
  const row = (page: Page, text: string) => page.locator(".message-row", { hasText: text });
  const source = (page: Page, name: string) => page.locator(`[data-source="${name}"]`);

  it("lists categories with their numbers, and follows all messages, newest first", async () => {
    const page = await openPage();
    await live(page);
    await row(page, "order-1").waitFor();
    expect(await page.locator(".message-row").first().textContent()).toContain("order-1");
    await source(page, "account").waitFor();
    expect(await source(page, "account").textContent()).toBe("account2");
    await db.write("order-1", { type: "ArrivedLive" });
    await row(page, "ArrivedLive").waitFor();
    await expect.poll(() => page.locator(".message-row").first().textContent()).toContain("ArrivedLive");
  });

  it("follows one category, or one of its streams, and nothing else", async () => {
    const page = await openPage();
    await source(page, "account").click();
    await source(page, "account-2").waitFor();
    await row(page, "account-1").waitFor();
    expect(await row(page, "order-1").count()).toBe(0);
    await source(page, "account-2").click();
    await row(page, "account-2").waitFor();
    await live(page);
    await db.write("account-1", { type: "Elsewhere" });
    await db.write("account-2", { type: "Here" });
    await row(page, "Here").waitFor();
    expect(await page.locator(".message-row").count()).toBe(2);
  });

  it("shows a message in full, strangers' markup as text", async () => {
    await db.write("odd-1", { type: "<img src=x onerror=alert(1)>", data: { html: "<b>bold</b>" }, metadata: { kind: "odd" } });
    const page = await openPage();
    await row(page, "odd-1").click();
    const message = page.locator("#message");
    await message.waitFor();
    const text = await message.textContent();
    for (const part of ["<img src=x onerror=alert(1)>", "<b>bold</b>", "odd-1", '"kind"']) expect(text).toContain(part);
    expect(await message.locator("b, img").count()).toBe(0);
    await page.keyboard.press("Escape");
    await message.waitFor({ state: "hidden" });
  });

  it("writes a message, and says what is wrong with one before it is sent, and why one was refused", async () => {
    const page = await openPage();
    await live(page);
    await page.locator("#write").click();
    await page.fill("#write-stream", "written-1");
    await page.fill("#write-data", "{ not json");
    await page.getByRole("button", { name: "Write message" }).click();
    expect(await page.locator("#write-type-problem").textContent()).toBe("Give the message a type.");
    expect(await page.locator("#write-data-problem").textContent()).toBe("This is not JSON.");
    await page.fill("#write-type", "ByHand");
    await page.fill("#write-data", '{"n":1}');
    await page.fill("#write-expectedVersion", "7");
    await page.getByRole("button", { name: "Write message" }).click();
    await page.locator("dialog .outcome", { hasText: "Nothing was written." }).waitFor();
    expect(await db.streamVersion("written-1")).toBeUndefined();
    await page.fill("#write-expectedVersion", "-1");
    await page.getByRole("button", { name: "Write message" }).click();
    await row(page, "ByHand").waitFor();
    expect(await db.readLastMessage("written-1")).toMatchObject({ type: "ByHand", data: { n: 1 }, position: 0n });
    await source(page, "written").waitFor();
  });

  it("goes on when the gateway is there again", async () => {
    const page = await openPage();
    await live(page);
    await site.stop();
    await page.locator("#connection-title", { hasText: "Reconnecting" }).waitFor();
    await db.write("order-1", { type: "Meanwhile" });
    await site.start();
    await row(page, "Meanwhile").waitFor();
    await live(page);
    expect(await row(page, "Meanwhile").count()).toBe(1);
  });

  it("says so where the gateway serves no Message DB", async () => {
    const without = await DashboardSite.open(pages, NO_UMADB);
    const page = await openPage(`${without.url}#messagedb`);
    await page.locator(".sources", { hasText: "This gateway serves no Message DB." }).waitFor();
    await page.locator("#connection-title", { hasText: "Stopped" }).waitFor();
    await without.stop();
  });

  it("fits a narrow screen, and leads to UmaDB's page and back", async () => {
    const page = await openPage(undefined, 390);
    await live(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.getByRole("link", { name: "UmaDB" }).click();
    await page.locator("#figure-rate").waitFor();
    await page.getByRole("link", { name: "Message DB" }).click();
    await page.locator("#messages").waitFor();
  });
});
