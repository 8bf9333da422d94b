// @ts-check
// Runs the tests of test/runtime in a bare workerd: bundled, without any of Node's modules, on a small stand-in for Vitest.
//
//   node scripts/tests/workerd.mjs REPORT PART [FILTER…]      (with MILLRACE_STORES_URL)
import { readdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { serveWorker } from "./serve-worker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tests = `${root}test/runtime`;
const bundled = `${root}.cache/tests/workerd/tests.mjs`;

/** Loaded when embedded Message DB starts, which it cannot in a worker. */
const ABSENT = ["@electric-sql/pglite"];

/** @typedef {import("../../test/runtime/workerd/vitest.js").Outcome} Outcome */

async function main() {
  const [report, specPart, ...filters] = process.argv.slice(2);
  const storesUrl = process.env["MILLRACE_STORES_URL"];
  if (report === undefined || specPart === undefined || storesUrl === undefined) throw new Error("Usage: MILLRACE_STORES_URL=… workerd.mjs REPORT PART [FILTER…]");
  const files = readdirSync(tests).filter((file) => file.endsWith(".test.ts") && isWanted(file, filters));
  if (files.length === 0) return write(report, []);
  await bundle(files);
  const { url, close } = await serveWorker(root, bundled);
  try {
    const outcomes = await run(url, { runtime: "workerd", specPart, storesUrl });
    const failed = outcomes.filter(({ error }) => error !== undefined);
    console.log(`workerd: ${outcomes.length - failed.length} passed, ${failed.length} failed`);
    write(report, outcomes);
    process.exitCode = failed.length > 0 || outcomes.length === 0 ? 1 : 0;
  } finally {
    await close();
  }
}

/** As Vitest understands its filters. @param {string} file @param {readonly string[]} filters */
function isWanted(file, filters) {
  return filters.length === 0 || filters.some((filter) => `test/runtime/${file}`.includes(filter));
}

/** In the form of Vitest's JSON reporter, as far as it is read. @param {string} report @param {readonly Outcome[]} outcomes */
function write(report, outcomes) {
  const numFailedTests = outcomes.filter(({ error }) => error !== undefined).length;
  const counts = { numPassedTests: outcomes.length - numFailedTests, numFailedTests, numPendingTests: 0, numTodoTests: 0 };
  writeFileSync(report, JSON.stringify({ ...counts, testResults: [] }));
}

/** What is ours comes by name from what was built, as it comes to a user. @param {readonly string[]} files */
async function bundle(files) {
  const loads = files.map((file) => `await import("./${file}");`).join(" ");
  await build({
    stdin: { contents: `import { testWorker } from "./workerd/worker.ts"; export default testWorker(async () => { ${loads} });`, resolveDir: tests },
    outfile: bundled,
    bundle: true,
    format: "esm",
    target: "es2022",
    alias: { vitest: `${tests}/workerd/vitest.ts` },
    conditions: ["workerd", "worker", "browser"],
    external: ABSENT,
    logLevel: "warning",
  });
}

/** Tells each failure as it comes: a run that is ended half-way has then said why. @param {string} url @param {object} given */
async function run(url, given) {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(given) });
  if (!response.ok || response.body === null) throw new Error(`workerd answered ${response.status}: ${await response.text()}`);
  /** @type {Outcome[]} */
  const outcomes = [];
  for await (const line of createInterface({ input: Readable.fromWeb(/** @type {any} */ (response.body)) })) {
    const outcome = /** @type {Outcome} */ (JSON.parse(line));
    outcomes.push(outcome);
    if (outcome.error !== undefined) console.log(`\nFAIL ${outcome.name}\n${outcome.error}`);
  }
  return outcomes;
}

await main();
