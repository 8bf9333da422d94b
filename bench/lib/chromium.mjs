import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const PATH = process.env.MILLRACE_CHROMIUM ?? "/usr/bin/chromium";
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-precise-memory-info",
];
const bench = fileURLToPath(new URL("..", import.meta.url));

/** The machine's own Chromium, without a window. */
export async function startChromium() {
  if (!existsSync(PATH)) throw new Error(`There is no browser at ${PATH}: run \`npm run setup:test\`, or name one with MILLRACE_CHROMIUM`);
  const browser = await chromium.launch({ executablePath: PATH, headless: true, args: QUIET });
  return { browser, runtime: `chromium ${browser.version().split(".")[0]}`, stop: () => browser.close() };
}

/**
 * A contestant in a page of its own, in a process of its own. The page comes from the source itself, so that no
 * preflight is measured.
 *
 * @param {object} chromium What {@link startChromium} gives.
 * @param {string} url The source's gRPC-Web address.
 */
export async function openContestant({ browser }, module, url, shape) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/`);
  await page.evaluate(await bundle(module));
  await page.evaluate(([at, what]) => globalThis.contestant.begin(at, what), [url, shape]);
  return { page, ask: (question) => page.evaluate((asked) => globalThis.contestant.read(asked), question), stop: () => context.close() };
}

/** The same contestant that runs in Node, minified as a page has it. */
async function bundle(module) {
  const { outputFiles } = await build({
    stdin: { contents: entry(module), resolveDir: bench },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    globalName: "contestant",
    platform: "browser",
    target: "es2022",
  });
  return `${outputFiles[0].text}; globalThis.contestant = contestant;`;
}

const entry = (module) => `
import { Checksum } from "./lib/checksum.mjs";
import { open } from "./contestants/${module}.mjs";
let once;
export function begin(url, shape) { once = open(url, shape); }
export async function read({ fields, full }) {
  const sum = new Checksum(full);
  const started = performance.now();
  await once(fields, sum);
  return { ms: performance.now() - started, checksum: sum.events === 0 ? undefined : String(sum) };
}`;
