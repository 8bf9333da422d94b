import { json } from "millrace";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb, type NewEvent } from "millrace/umadb";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromiumArgs, requireChromium } from "../support/chromium.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { buildDashboard, DashboardSite } from "./dashboard-site.js";

describe("dashboard", { timeout: 60_000 }, () => {
  let umadb: UmaDbServer;
  let db: UmaDb;
  let pages: Awaited<ReturnType<typeof buildDashboard>>;
  let site: DashboardSite;
  let browser: Browser;
  const opened: Page[] = [];
  /** What a page must never do: break its content security policy, throw, or ask for attention. */
  const misdeeds: string[] = [];

  beforeAll(async () => {
    [umadb, pages, browser] = await Promise.all([
      startUmaDb(),
      buildDashboard(),
      chromium.launch({ executablePath: requireChromium(), args: [...chromiumArgs] }),
    ]);
    db = new UmaDb({ carrier: http2Carrier({ url: umadb.url }) });
    site = await DashboardSite.open(pages, umadb.url);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await site?.stop();
    await db?.close();
    await umadb?.close();
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((page) => page.context().close()));
    expect(misdeeds.splice(0)).toEqual([]);
  });

  async function openPage({ width = 1280, height = 800, url = site.url } = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height }, permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    opened.push(page);
    page.on("pageerror", (error) => misdeeds.push(`threw ${error.message}`));
    page.on("dialog", (dialog) => {
      misdeeds.push(`opened a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) misdeeds.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  const state = (page: Page, text: string | RegExp): Promise<void> => page.locator("#connection-title", { hasText: text }).waitFor();
  const row = (page: Page, text: string) => page.locator(".row", { hasText: text });
  const append = (...events: NewEvent[]): Promise<bigint> => db.append(events);
  const event = (type: string, data: unknown = {}, tags: string[] = []): NewEvent => ({ type, tags, data: json(data) });

  it("weighs less than 300 KB, keeps no source maps, and names its files after their content", () => {
    const files = [...pages].map(([path, { body }]) => ({ path, bytes: body.byteLength }));
    expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(300_000);
    expect(files.map(({ path }) => path).filter((path) => path !== "/" && !/^\/assets\/[\w-]+-[\w-]{8}\.(js|css|svg)$/.test(path))).toEqual([]);
  });

  it("shows what is stored and what arrives, newest first", async () => {
    await append(event("StoredBefore"));
    const page = await openPage();
    await state(page, "Live");
    await row(page, "StoredBefore").waitFor();
    const position = await append(event("ArrivedLive", { amount: 3 }, ["order:1"]));
    await row(page, "ArrivedLive").waitFor();
    const first = page.locator('.row[aria-rowindex="1"]');
    expect(await first.locator(".cell-position").textContent()).toBe(String(position));
    expect(await first.locator(".cell-tags").textContent()).toBe("order:1");
    expect(await first.locator(".cell-data").textContent()).toBe('{"amount":3}');
    expect(await page.locator("#figure-head").textContent()).toBe(String(position));
    expect(await page.locator("#figure-received").textContent()).toBe("1");
  });

  it("appends from its form, and shows the event when the store has it", async () => {
    const page = await openPage();
    await state(page, "Live");
    await page.getByRole("button", { name: "Append" }).click();
    await page.getByLabel("Type", { exact: true }).fill("TypedByHand");
    await page.getByRole("dialog").getByLabel("Tags", { exact: true }).fill("hand:1, made");
    await page.getByLabel("Data", { exact: true }).fill('{"by":"hand"}');
    await page.getByRole("button", { name: "Append event" }).click();
    await row(page, "TypedByHand").waitFor();
    expect(await page.locator("#append-dialog").isVisible()).toBe(false);
    const [stored] = await db.read({ items: [{ types: ["TypedByHand"] }] }).toArray();
    expect(stored?.toObject().event).toMatchObject({ tags: ["hand:1", "made"], data: json({ by: "hand" }) });
    expect(await page.locator(".toast").textContent()).toBe(`TypedByHand appended at position ${stored?.position}`);
  });

  it("sends nothing that the form cannot make sense of", async () => {
    const page = await openPage();
    await state(page, "Live");
    const before = await db.head();
    await page.getByRole("button", { name: "Append" }).click();
    await page.getByLabel("Data", { exact: true }).fill("{not json");
    await page.getByRole("button", { name: "Append event" }).click();
    await page.locator("#append-data-problem", { hasText: "This is not JSON" }).waitFor();
    expect(await page.getByLabel("Type", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    expect(await db.head()).toBe(before);
  });

  it("says that a condition does not hold, and appends once it does", async () => {
    await append(event("SeatBooked", {}, ["seat:A1"]));
    const page = await openPage();
    await state(page, "Live");
    await page.getByRole("button", { name: "Append" }).click();
    await page.getByLabel("Type", { exact: true }).fill("SeatBookedAgain");
    await page.getByLabel("Only if nothing that matches").check();
    await page.getByLabel("Any of the types").fill("SeatBooked");
    await page.getByLabel("With all tags").fill("seat:A1");
    await page.getByRole("button", { name: "Append event" }).click();
    await page.getByRole("alert").getByText("Not appended: the condition does not hold").waitFor();
    expect(await db.read({ items: [{ types: ["SeatBookedAgain"] }] }).toArray()).toEqual([]);
    await page.getByRole("button", { name: "Newest" }).last().click();
    await page.waitForFunction(() => (document.getElementById("append-after") as HTMLInputElement).value !== "");
    await page.getByRole("button", { name: "Append event" }).click();
    await row(page, "SeatBookedAgain").waitFor();
  });

  it("filters by type and tag, for what is stored and what arrives", async () => {
    await append(event("FilterHit", {}, ["f:1", "f:2"]), event("FilterHit", {}, ["f:1"]), event("FilterMiss", {}, ["f:1", "f:2"]));
    const page = await openPage();
    await row(page, "FilterMiss").waitFor();
    await page.getByRole("search").getByLabel("Types").fill("FilterHit, FilterOther");
    await page.getByRole("search").getByLabel("Tags").fill("f:1, f:2");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await row(page, "FilterMiss").waitFor({ state: "detached" });
    await page.locator("#filter-words", { hasText: "Showing FilterHit or FilterOther, tagged f:1 and f:2" }).waitFor();
    await row(page, "FilterHit").waitFor();
    await state(page, "Live");
    await append(event("FilterMiss", {}, ["f:1", "f:2"]), event("FilterOther", {}, ["f:2", "f:1", "f:3"]));
    await row(page, "FilterOther").waitFor();
    expect(await page.locator(".row .type").allTextContents()).toEqual(expect.arrayContaining(["FilterHit", "FilterOther"]));
    expect(await page.locator(".row").count()).toBe(2);
    await page.getByRole("button", { name: "Clear" }).click();
    await row(page, "FilterMiss").first().waitFor();
  });

  it("stands still while it is paused, counts, and shows everything afterwards", async () => {
    const page = await openPage();
    await state(page, "Live");
    await page.getByRole("button", { name: "Pause" }).click();
    await append(event("WhilePaused"), event("WhilePaused"));
    await page.getByRole("button", { name: "Paused. 2 new" }).waitFor();
    expect(await row(page, "WhilePaused").count()).toBe(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await row(page, "WhilePaused").nth(1).waitFor();
  });

  it("shows an event as JSON, text and hex, with all that is stored beside it", async () => {
    const uuid = "3f0c1c5e-2f8a-4c37-9a53-6c1f0b7a9d42";
    const data = new TextEncoder().encode('{"id":9007199254740993,"name":"Ada"}');
    const position = await db.append([{ type: "Inspected", tags: ["a:1", "b:2"], data, uuid, metadata: { source: "test" } }], { trackingInfo: { source: "dashboard-test", position: 7n } });
    const page = await openPage();
    await row(page, "Inspected").click();
    const detail = page.getByRole("complementary");
    const payload = page.locator("#payload");
    expect(await detail.locator("#detail-position").textContent()).toBe(String(position));
    for (const text of [uuid, "a:1", "b:2", "source", "test", "36 B of data", "position 7 of dashboard-test"]) expect(await detail.textContent()).toContain(text);
    expect(await payload.textContent()).toBe('{\n  "id": 9007199254740993,\n  "name": "Ada"\n}');
    await page.getByRole("tab", { name: "Text" }).click();
    expect(await payload.textContent()).toBe('{"id":9007199254740993,"name":"Ada"}');
    await page.getByRole("tab", { name: "Hex" }).click();
    expect(await payload.textContent()).toContain("00000000  7b 22 69 64 22 3a 39 30  30 37 31 39 39 32 35 34  {\"id\":9007199254");
    await detail.getByRole("button", { name: "Filter by tag b:2" }).click();
    await page.locator("#filter-words", { hasText: "Showing tagged b:2" }).waitFor();
  });

  it("shows data that is neither JSON nor text as hex", async () => {
    await db.append([{ type: "Binary", data: new Uint8Array([0xff, 0x00, 0x80]) }]);
    const page = await openPage();
    await row(page, "Binary").click();
    expect(await page.getByRole("tab", { name: "Hex" }).getAttribute("aria-selected")).toBe("true");
    expect(await page.locator("#payload").textContent()).toMatch(/^00000000 {2}ff 00 80/);
    await page.getByRole("tab", { name: "JSON" }).click();
    await page.getByText("These bytes are not UTF-8 text").waitFor();
  });

  it("says that the gateway is gone, comes back by itself and misses nothing", async () => {
    const page = await openPage();
    await state(page, "Live");
    await site.stop();
    try {
      await state(page, /Reconnecting|Connecting/);
      await page.locator("#trouble", { hasText: "The connection to the gateway or the store is lost" }).waitFor();
      await append(event("WhileAway", { n: 1 }), event("WhileAway", { n: 2 }));
    } finally {
      await site.start();
    }
    await state(page, "Live");
    await row(page, '{"n":2}').waitFor();
    expect(await row(page, "WhileAway").count()).toBe(2);
    expect(await page.locator("#trouble").isVisible()).toBe(false);
  });

  it("tries at once when asked to, also when the store could not be read at all", async () => {
    const page = await openPage();
    await state(page, "Live");
    await site.stop();
    try {
      await page.getByRole("search").getByLabel("Types").fill("AfterTrouble");
      await page.getByRole("button", { name: "Filter", exact: true }).click();
      // By the fourth try a pause lasts several seconds.
      await state(page, /Reconnecting in [3-9] s/);
    } finally {
      await site.start();
    }
    await page.getByRole("button", { name: "Try now" }).click();
    await page.locator("#connection-title", { hasText: "Live" }).waitFor({ timeout: 2_000 });
  });

  it("says why it stopped when the gateway allows nothing", async () => {
    const closed = await DashboardSite.open(pages, umadb.url, "own page");
    try {
      const page = await openPage({ url: closed.url });
      await state(page, "Stopped");
      await page.locator("#trouble", { hasText: "The gateway does not allow this" }).waitFor();
    } finally {
      await closed.stop();
    }
  });

  it("says what to do when the gateway refuses its script", async () => {
    const closed = await DashboardSite.open(pages, umadb.url, "no page");
    try {
      const page = await openPage({ url: closed.url });
      await page.getByText("needs its own origin among its origins").waitFor();
    } finally {
      await closed.stop();
    }
  });

  it("treats what strangers stored as text, wherever it is shown", async () => {
    const canary = `<img src=x onerror="alert('canary')"><script>alert('canary')</script>`;
    await db.append([{ type: `Canary ${canary}`, tags: [`tag ${canary}`], data: json({ [canary]: canary }), metadata: { [canary]: canary } }]);
    const page = await openPage();
    await row(page, "Canary").click();
    for (const tab of ["JSON", "Text", "Hex"]) await page.getByRole("tab", { name: tab }).click();
    await page.getByRole("tab", { name: "Text" }).click();
    expect(await page.locator("#payload").textContent()).toContain("onerror");
    expect(await page.locator("#detail-title").textContent()).toBe(`Canary ${canary}`);
    await page.locator("#detail").getByRole("button", { name: "Filter by tag" }).click();
    await page.locator("#filter-words", { hasText: "onerror" }).waitFor();
    await row(page, "Canary").waitFor();
    expect(await page.locator("body img, body script").count()).toBe(0);
  });

  it("lives under a policy that lets no foreign script or style in", async () => {
    const page = await openPage();
    await state(page, "Live");
    const policy = (await page.request.get(site.url)).headers()["content-security-policy"] ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain("unsafe");
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'injected'";
      document.body.append(script);
    });
    expect(await page.title()).toBe("UmaDB · Millrace");
    expect(misdeeds.splice(0)).toEqual([expect.stringContaining("Content Security Policy")]);
  });

  it("can be used by keyboard alone", async () => {
    await append(event("KeyOne"), event("KeyTwo"), event("KeyThree"));
    const page = await openPage();
    await row(page, "KeyThree").waitFor();
    const selected = page.locator('.row[aria-selected="true"] .type');
    await page.keyboard.press("ArrowDown");
    expect(await selected.textContent()).toBe("KeyThree");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    expect(await selected.textContent()).toBe("KeyTwo");
    const active = await page.locator("#rows").getAttribute("aria-activedescendant");
    expect(await page.locator(`#${active} .type`).textContent()).toBe("KeyTwo");
    await page.keyboard.press("Enter");
    expect(await page.locator("#detail-title").textContent()).toBe("KeyTwo");
    await page.keyboard.press("ArrowDown");
    expect(await page.locator("#detail-title").textContent()).toBe("KeyOne");
    await page.keyboard.press("Escape");
    expect(await page.locator("#detail").isVisible()).toBe(false);
    await page.keyboard.press("p");
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await page.keyboard.press("p");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("KeyTwo");
    await page.keyboard.press("Enter");
    await page.locator("#filter-words", { hasText: "Showing KeyTwo" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: "Append an event" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  });

  it("keeps only the visible rows in the page, and reads older events when one scrolls to them", async () => {
    const many = Array.from({ length: 1_200 }, (_, n) => event("Many", { n }, ["many"]));
    const last = await append(...many);
    const page = await openPage();
    await row(page, '{"n":1199}').waitFor();
    expect(await page.locator("#figure-shown").textContent()).toBe("500");
    expect(await page.locator(".row").count()).toBeLessThan(60);
    await expect.poll(async () => {
      await page.locator("#rows").focus();
      await page.keyboard.press("End");
      return Number(await page.locator("#figure-shown").textContent());
    }, { timeout: 20_000 }).toBe(Number(last));
    await page.locator(".row").first().waitFor();
    expect(await page.locator(".row").count()).toBeLessThan(60);
    expect(await page.locator("#rows").getAttribute("aria-rowcount")).toBe(String(last));
  });

  it("keeps the rows in view where they are while new ones arrive above them", async () => {
    await append(...Array.from({ length: 80 }, (_, n) => event("BelowTheFold", { n })));
    const page = await openPage();
    await state(page, "Live");
    await page.locator("#rows").focus();
    for (let press = 0; press < 40; press++) await page.keyboard.press("ArrowDown");
    const selected = page.locator('.row[aria-selected="true"]');
    expect(await selected.locator(".type").textContent()).toBe("BelowTheFold");
    const before = await selected.boundingBox();
    const position = await append(event("AboveTheFold"));
    await page.locator("#figure-head", { hasText: String(position) }).waitFor();
    expect((await selected.boundingBox())?.y).toBeCloseTo(before?.y ?? -1, 0);
    await page.getByRole("button", { name: "Newest" }).first().click();
    await row(page, "AboveTheFold").waitFor();
  });

  it("works on a screen of 375 pixels", async () => {
    const page = await openPage({ width: 375, height: 700 });
    await state(page, "Live");
    const overflow = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(await overflow()).toBe(0);
    await page.getByRole("button", { name: "Append" }).click();
    await page.getByLabel("Type", { exact: true }).fill("FromTheTram");
    await page.getByRole("button", { name: "Append event" }).click();
    await row(page, "FromTheTram").click();
    expect(await page.locator("#detail").boundingBox()).toEqual({ x: 0, y: 0, width: 375, height: 700 });
    expect(await overflow()).toBe(0);
    await page.getByRole("button", { name: "Close details" }).click();
    await row(page, "FromTheTram").waitFor();
  });

  it("is dark or light as the system is, until one chooses", async () => {
    const page = await openPage();
    const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: "light" });
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.getByRole("button", { name: "Switch to light colours" }).click();
    expect(await background()).toBe(light);
    await page.reload();
    expect(await background()).toBe(light);
  });

  it("gives everything that can be operated a name", async () => {
    const page = await openPage();
    await state(page, "Live");
    await append(event("Named"));
    await row(page, "Named").click();
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, input, textarea, [role=grid], [role=tabpanel], dialog, section, aside")]
        .filter((found) => {
          const labels = found instanceof HTMLInputElement || found instanceof HTMLTextAreaElement || found instanceof HTMLButtonElement ? [...(found.labels ?? [])] : [];
          const byId = document.getElementById(found.getAttribute("aria-labelledby") ?? "");
          const own = found instanceof HTMLButtonElement ? found.textContent : "";
          return !found.hidden && `${found.getAttribute("aria-label") ?? ""}${byId?.textContent ?? ""}${labels.map((label) => label.textContent).join("")}${own}`.trim() === "";
        })
        .map((found) => found.outerHTML.slice(0, 80)),
    );
    expect(nameless).toEqual([]);
  });
});
