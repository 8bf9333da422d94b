import { defineBrowserProvider } from "@vitest/browser";
import type { BrowserProvider, BrowserProviderOption, TestProject } from "vitest/node";
import { launchBrowser, type BrowserName, type OpenPage, type RunningBrowser } from "./browsers/launch.js";

/**
 * Vitest's browser mode on the machine's own browsers. Vitest's providers want packages that download browsers of their
 * own, and none of them drives Firefox and WebKit as a distribution packages them.
 */
export function systemBrowser(name: BrowserName): BrowserProviderOption {
  return defineBrowserProvider({
    name: "system",
    supportedBrowser: [name],
    providerFactory: (project) => new SystemBrowser(project, name),
  });
}

class SystemBrowser implements BrowserProvider {
  readonly name = "system";
  /** One page after another: pages side by side on two cores turn time-outs into noise. */
  readonly supportsParallelism = false;
  readonly #project: TestProject;
  readonly #browserName: BrowserName;
  readonly #pages = new Map<string, OpenPage>();
  #browser: Promise<RunningBrowser> | undefined;

  constructor(project: TestProject, browserName: BrowserName) {
    this.#project = project;
    this.#browserName = browserName;
  }

  /** Our commands need nothing of the page. */
  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    await this.#pages.get(sessionId)?.close();
    this.#browser ??= launchBrowser(this.#browserName);
    const page = await (await this.#browser).open(url, () => this.#project.vitest.logger.error(`The ${this.#project.name} page crashed`));
    this.#pages.set(sessionId, page);
  }

  async close(): Promise<void> {
    const browser = await this.#browser;
    await browser?.close();
  }
}
