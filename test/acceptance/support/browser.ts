import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import { chromiumArgs, requireChromium } from "../../support/chromium.js";

export interface PageHost {
  readonly browser: Browser;
  /** Where the page is served, on another port than any gateway's: its requests are cross-origin. */
  readonly origin: string;
  /** Opens the page with the client in it, below the given origin (its own by default). */
  open(origin?: string): Promise<Page>;
  close(): Promise<void>;
}

/**
 * A browser, and a server for a page that bundles the packed client.
 *
 * @param hosts Host names that shall lead to this machine.
 */
export async function startPageHost(hosts: readonly string[] = []): Promise<PageHost> {
  const script = await bundle();
  const server = createServer((request, response) => {
    response.setHeader("content-type", request.url === "/page.js" ? "text/javascript" : "text/html");
    response.end(request.url === "/page.js" ? script : HTML);
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(",");
  const browser = await chromium.launch({ executablePath: requireChromium(), args: [...chromiumArgs, NO_HELP, ...(rules === "" ? [] : [`--host-resolver-rules=${rules}`])] });
  const origin = `http://127.0.0.1:${port}`;
  return {
    browser,
    origin,
    async open(at = origin) {
      const page = await (await browser.newContext()).newPage();
      if (new URL(at).port !== String(port)) await page.route(`${at}/**`, (route) => fulfil(route, script));
      await page.goto(`${at}/page.html`);
      await page.waitForFunction("globalThis.millrace !== undefined");
      return page;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Some browsers keep foreign pages off local addresses by themselves: the gateway is what is tested here. */
const NO_HELP = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights";

/** Serves the page's own two files on somebody else's address; the rest goes to whoever is there. */
async function fulfil(route: import("playwright-core").Route, script: string): Promise<void> {
  const path = new URL(route.request().url()).pathname;
  if (path === "/page.html") return route.fulfill({ contentType: "text/html", body: HTML });
  if (path === "/page.js") return route.fulfill({ contentType: "text/javascript", body: script });
  return route.continue();
}

const HTML = `<!doctype html><meta charset="utf-8"><title>acceptance</title><script type="module" src="/page.js"></script>`;

async function bundle(): Promise<string> {
  const root = process.env["MILLRACE_ACCEPTANCE_ROOT"] ?? ".";
  const result = await build({
    entryPoints: [join(root, "test/acceptance/pages/client.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // The page is compiled as if it stood beside the unpacked tarballs.
    alias: Object.fromEntries(["millrace", "millrace/umadb"].map((name) => [name, import.meta.resolve(name).slice("file://".length)])),
  });
  return result.outputFiles[0]?.text ?? "";
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}
