import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium, type Browser } from "playwright-core";
import { chromiumArgs, requireChromium } from "../support/chromium.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Ordinary pages, each under its own path, and a browser that keeps pages that were left. Not Vitest's pages, which live in frames. */
export interface PageSite {
  readonly browser: Browser;
  readonly url: string;
  close(): Promise<void>;
}

/** Serves pages with this module in them, in the files that a bundler makes of it. */
export async function openPageSite(module: string): Promise<PageSite> {
  const files = await bundle(module);
  const server = createServer(({ url = "/" }, response) => {
    const script = files.get(url);
    response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
    response.end(script ?? `<!doctype html><meta charset="utf-8"><title>${url}</title><div id="root"></div><script type="module" src="/page.js"></script>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Playwright switches the back-forward cache off.
  const browser = await chromium.launch({ executablePath: requireChromium(), args: [...chromiumArgs], ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  return {
    browser,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await browser.close();
      await closeServer(server);
    },
  };
}

async function bundle(module: string): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    stdin: { contents: module, resolveDir: root, sourcefile: "page.ts", loader: "ts" },
    entryNames: "page",
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    outdir: "/",
    format: "esm",
    platform: "browser",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    alias: Object.fromEntries(["carrier", "live", "umadb"].map((name) => [`millrace/${name}`, `${root}src/${name}/index.ts`])),
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
