// @ts-check
// Runs the tests of test/runtime in a bare workerd: bundled, without any of Node's modules, on a small stand-in for Vitest.
//
//   node scripts/tests/workerd.mjs REPORT PART [FILTER…]      (with MILLRACE_STORES_URL)
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tests = `${root}test/runtime`;
const folder = `${root}.cache/tests/workerd`;

/**
 * From August 2026 on workerd switches Node's modules on by itself; an older date without flags is the platform alone.
 * Whatever the tests ask for on this machine they may reach.
 */
const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "tests", worker = (modules = [(name = "tests.mjs", esModule = embed "tests.mjs")], compatibilityDate = "2026-04-01", globalOutbound = "network")),
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "tests")],
);
`;

/** @typedef {import("../../test/runtime/workerd/vitest.js").Outcome} Outcome */

async function main() {
  const [report, specPart, ...filters] = process.argv.slice(2);
  const storesUrl = process.env["MILLRACE_STORES_URL"];
  if (report === undefined || specPart === undefined || storesUrl === undefined) throw new Error("Usage: MILLRACE_STORES_URL=… workerd.mjs REPORT PART [FILTER…]");
  const files = readdirSync(tests).filter((file) => file.endsWith(".test.ts") && isWanted(file, filters));
  if (files.length === 0) return write(report, []);
  await bundle(files);
  const { url, child } = await serve();
  try {
    const outcomes = await run(url, { runtime: "workerd", specPart, storesUrl });
    const failed = outcomes.filter(({ error }) => error !== undefined);
    for (const { name, error } of failed) console.log(`\nFAIL ${name}\n${error}`);
    console.log(`workerd: ${outcomes.length - failed.length} passed, ${failed.length} failed`);
    write(report, outcomes);
    process.exitCode = failed.length > 0 || outcomes.length === 0 ? 1 : 0;
  } finally {
    child.kill("SIGKILL");
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
  mkdirSync(folder, { recursive: true });
  await build({
    stdin: { contents: `import { testWorker } from "./workerd/worker.ts"; export default testWorker(async () => { ${loads} });`, resolveDir: tests },
    outfile: `${folder}/tests.mjs`,
    bundle: true,
    format: "esm",
    target: "es2022",
    alias: { vitest: `${tests}/workerd/vitest.ts` },
    conditions: ["workerd", "worker", "browser"],
    logLevel: "warning",
  });
  writeFileSync(`${folder}/config.capnp`, CONFIG);
}

/** @returns {Promise<{ url: string, child: import("node:child_process").ChildProcess }>} */
async function serve() {
  const workerd = `${root}.cache/runtimes/node_modules/.bin/workerd`;
  const child = spawn(workerd, ["serve", `${folder}/config.capnp`, "--control-fd=3"], { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const control = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  const ended = once(child, "exit").then(([code]) => { throw new Error(`workerd ended with ${code} before it served`); });
  ended.catch(() => undefined);
  const [line] = await Promise.race([once(createInterface({ input: control }), "line"), ended]);
  return { url: `http://127.0.0.1:${JSON.parse(line).port}`, child };
}

/** @param {string} url @param {object} given @returns {Promise<Outcome[]>} */
async function run(url, given) {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(given) });
  const text = await response.text();
  if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}`);
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

await main();
