import { chromium } from "playwright-core";
import { chromiumArgs, requireChromium } from "../chromium.js";
import type { RunningBrowser } from "./launch.js";

/** Starts Chromium by Playwright. */
export async function launchChromium(): Promise<RunningBrowser> {
  const browser = await chromium.launch({ executablePath: requireChromium(), headless: true, args: [...chromiumArgs] });
  return {
    async open(url, onCrash) {
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      if (onCrash !== undefined) page.on("crash", onCrash);
      await page.goto(url, { waitUntil: "domcontentloaded" });
      return { close: () => page.close() };
    },
    close: () => browser.close(),
  };
}
