import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page, Pages } from "../gateway/index.js";
import { ConfigError } from "./config-error.js";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};

/** Names with a hash of the content, as the build writes them. */
const HASHED = /-[A-Za-z0-9_-]{8,}\.\w+$/;

/** This folder's parent is `dist` in a package, and the sources' own folder in a checkout. */
const PARENT = fileURLToPath(new URL("..", import.meta.url));

/** The built dashboard. */
export function dashboardFolder(): string {
  return basename(PARENT) === "dist" ? join(PARENT, "dashboard") : join(PARENT, "dist", "dashboard");
}

/**
 * All files of a folder as pages, its `index.html` at `/`. They are read once.
 *
 * @throws {ConfigError} When there is no `index.html`.
 */
export function readPages(folder: string): Pages {
  if (!existsSync(join(folder, "index.html"))) throw new ConfigError("--dashboard: the dashboard is not built here (npm run build builds it)");
  const pages = new Map<string, Page>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const contentType = CONTENT_TYPES[extname(entry.name)];
    if (!entry.isFile() || contentType === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(folder.length).replaceAll("\\", "/");
    pages.set(path, { contentType, body: readFileSync(file), immutable: HASHED.test(entry.name) });
  }
  pages.set("/", pages.get("/index.html") as Page);
  return pages;
}
