import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
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
  const session = await browser.newBrowserCDPSession();
  const ask = async (question) => {
    const before = await processorTimeOfPages(session);
    const outcome = await page.evaluate((asked) => globalThis.contestant.read(asked), question);
    return { ...outcome, cpuMs: (await processorTimeOfPages(session)) - before };
  };
  return { page, ask, stop: () => context.close() };
}

/** Milliseconds so far, of all pages' processes: only one page reads at a time. */
async function processorTimeOfPages(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return processInfo.reduce((sum, { type, cpuTime }) => (type === "renderer" ? sum + cpuTime * 1_000 : sum), 0);
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
  const bytes = await once(fields, sum);
  return { ms: performance.now() - started, checksum: bytes === undefined ? String(sum) : undefined };
}`;

/** How often memory is looked at. */
const SAMPLE_MS = 50;

/** The most memory that a page's process had while `work` ran, beyond what it had before, in bytes. */
export async function peakMemory({ browser }, work) {
  const session = await browser.newBrowserCDPSession();
  const before = await memoryOfPages(session);
  let peak = before;
  let running = true;
  const sampling = (async () => {
    while (running) {
      await delay(SAMPLE_MS);
      peak = Math.max(peak, await memoryOfPages(session));
    }
  })();
  await work();
  running = false;
  await sampling;
  return peak - before;
}

/** Of all pages' processes together: those without a page hold still. */
async function memoryOfPages(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sizes = await Promise.all(processInfo.filter(({ type }) => type === "renderer").map(({ id }) => residentBytes(id)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function residentBytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}
