// @ts-check
// Takes the README's pictures of the dashboard, on a store of its own:
//
//   npm run build && node test/dashboard/screenshots.mjs
//
// The page looks best where the fonts Inter and JetBrains Mono are installed (Debian: fonts-inter, fonts-jetbrains-mono).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const COMMAND = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../docs/img/", import.meta.url));

const dev = spawn(process.execPath, [COMMAND, "dev", "--listen", "127.0.0.1:0", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
const browser = await chromium.launch({ executablePath: process.env["MILLRACE_CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const [line] = await once(createInterface({ input: dev.stdout }), "line");
  const { dashboard } = JSON.parse(line);
  const pages = await Promise.all(/** @type {const} */ (["light", "dark"]).map((colorScheme) => open(dashboard, colorScheme)));
  for (const { page, colorScheme } of pages) {
    // Enough has happened for a full list and a rate worth drawing.
    await page.waitForFunction(() => Number(document.getElementById("figure-received")?.textContent) >= 70, undefined, { timeout: 120_000 });
    await page.getByRole("gridcell", { name: "OrderPlaced" }).first().click();
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${FOLDER}dashboard-${colorScheme}.png` });
  }
} finally {
  await browser.close();
  dev.kill("SIGTERM");
}

/** @param {string} url @param {"light" | "dark"} colorScheme */
async function open(url, colorScheme) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 }, colorScheme });
  await page.goto(url);
  return { page, colorScheme };
}
