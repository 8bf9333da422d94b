#!/usr/bin/env node
// @ts-check
// Checks the rules of this repository, one line each.
//
//   npm run check [-- NAME…]               all rules, or those named
//   npm run check -- --self-test [NAME…]   breaks each rule in a copy and expects its check to notice
//   … --json FILE                          also writes { passed, failed }
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CHECKS, outcomeOf } from "./checks/index.mjs";
import { selfTest } from "./checks/self-test.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const SHOWN = 40;
const counts = { passed: 0, failed: 0 };

async function main() {
  const { values, positionals } = parseArgs({
    options: { "self-test": { type: "boolean", default: false }, json: { type: "string" } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) throw new Error(`There is no check named ${unknown.join(", ")}; there are ${CHECKS.map(({ name }) => name).join(", ")}`);
  await (values["self-test"] ? selfTest(root, positionals, report) : runChecks(positionals));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(counts));
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

/** @param {readonly string[]} names */
async function runChecks(names) {
  for (const check of CHECKS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const started = performance.now();
    const { problems, note } = await outcomeOf(check, root);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    report(`${check.name.padEnd(10)} ${seconds.padStart(5)} s${note === "" ? "" : `  ${note}`}`, problems);
  }
}

/** @param {string} what @param {string[]} problems */
function report(what, problems) {
  counts[problems.length === 0 ? "passed" : "failed"] += 1;
  console.log(`${problems.length === 0 ? "ok " : "NOT"}  ${what}`);
  for (const problem of problems.slice(0, SHOWN)) console.log(`       ${problem}`);
  if (problems.length > SHOWN) console.log(`       … and ${problems.length - SHOWN} more`);
}

await main();
