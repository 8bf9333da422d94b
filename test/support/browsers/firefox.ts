import { existsSync } from "node:fs";
import { launch } from "puppeteer-core";
import type { RunningBrowser } from "./launch.js";

/** Debian's path; `MILLRACE_FIREFOX` names another binary. */
const firefoxPath = process.env["MILLRACE_FIREFOX"] ?? "/usr/bin/firefox-esr";

/** Starts Firefox by WebDriver BiDi: Playwright knows no Firefox but its own build. */
export async function launchFirefox(): Promise<RunningBrowser> {
  if (!existsSync(firefoxPath)) throw new Error(`There is no Firefox at ${firefoxPath}: run \`npm run setup:test\`, or name one with MILLRACE_FIREFOX`);
  const browser = await launch({ browser: "firefox", executablePath: firefoxPath, headless: true, acceptInsecureCerts: true });
  return {
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url, { waitUntil: "domcontentloaded" });
      return { close: () => page.close() };
    },
    close: () => browser.close(),
  };
}
