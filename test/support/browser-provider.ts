import { defineBrowserProvider } from "@vitest/browser";
import { type Browser, chromium, type Page } from "playwright-core";
import type { BrowserProvider, BrowserProviderOption, TestProject } from "vitest/node";
import { chromiumArgs, requireChromium } from "./chromium.js";

/**
 * Vitest's browser mode on the machine's own browser. Vitest's Playwright provider wants the `playwright` package, which
 * downloads browsers of its own.
 */
export function systemBrowser(): BrowserProviderOption {
  return defineBrowserProvider({
    name: "system",
    supportedBrowser: ["chromium"],
    providerFactory: (project) => new SystemBrowser(project),
  });
}

class SystemBrowser implements BrowserProvider {
  readonly name = "system";
  /** One page after another: pages side by side on two cores turn time-outs into noise. */
  readonly supportsParallelism = false;
  readonly #project: TestProject;
  readonly #pages = new Map<string, Page>();
  #browser: Promise<Browser> | undefined;

  constructor(project: TestProject) {
    this.#project = project;
  }

  getCommandsContext(sessionId: string): Record<string, unknown> {
    return { page: this.#pages.get(sessionId) };
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    await this.#pages.get(sessionId)?.close();
    const browser = await this.#launched();
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    page.on("crash", () => this.#project.vitest.logger.error(`The ${this.#project.name} page crashed`));
    this.#pages.set(sessionId, page);
    await page.goto(url, { waitUntil: "domcontentloaded" });
  }

  async close(): Promise<void> {
    const browser = await this.#browser;
    await browser?.close();
  }

  #launched(): Promise<Browser> {
    this.#browser ??= chromium.launch({ executablePath: requireChromium(), headless: true, args: [...chromiumArgs] });
    return this.#browser;
  }
}
