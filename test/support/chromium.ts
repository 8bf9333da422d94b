import { existsSync } from "node:fs";

/** Debian's path; `MILLRACE_CHROMIUM` names another binary. */
export const chromiumPath = process.env["MILLRACE_CHROMIUM"] ?? "/usr/bin/chromium";

/** Tests run as root in containers without a GPU, and a browser that phones home makes them slow and irreproducible. */
export const chromiumArgs: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @throws When the browser is not installed; the message holds the command that installs it. */
export function requireChromium(): string {
  if (existsSync(chromiumPath)) return chromiumPath;
  throw new Error(`There is no browser at ${chromiumPath}: run \`npm run setup:test\`, or name one with MILLRACE_CHROMIUM`);
}
