#!/usr/bin/env node
// @ts-check
// Builds, then runs every test that this machine can run, and names what it lacks for the rest.
//
//   npm test [-- --no-build] [--project NAME]… [--json FILE] [FILTER…]
//
// The last line counts the tests; with --json it goes to that file instead.
// With CI=true a test that is missing something, or is left out, is a failure.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { missingNeeds, SETUP } from "./tests/needs.mjs";
import { endGroupsOnSignal, runGroup } from "./tests/process.mjs";
import { countsIn, lineOf, sum } from "./tests/results.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const inCI = process.env["CI"] === "true";

/** Vitest's projects, one process each, and the longest that each may take. */
const PROJECTS = [
  { name: "node", minutes: 12 },
  { name: "chromium", minutes: 6 },
];

async function main() {
  const { values, positionals } = parseArgs({
    options: { "no-build": { type: "boolean", default: false }, project: { type: "string", multiple: true }, json: { type: "string" } },
    allowPositionals: true,
  });
  endGroupsOnSignal();
  if (!values["no-build"]) await buildFirst();
  const missing = missingNeeds(root);
  const left = [...new Set(missing.flatMap(({ files }) => files))];
  const counts = [];
  for (const { name, minutes } of PROJECTS.filter((project) => values.project?.includes(project.name) ?? true)) {
    counts.push(await runProject(name, minutes, left, positionals));
  }
  for (const { what, files } of missing) console.log(`Not run for want of ${what}: ${files.length} test files; \`${SETUP}\` installs it`);
  counts.push({ passed: 0, failed: inCI ? left.length : 0, skipped: inCI ? 0 : left.length });
  finish(sum(counts), values.json);
}

async function buildFirst() {
  const { code } = await runGroup("npm", ["run", "--silent", "build"], { cwd: root, timeoutMs: 300_000 });
  if (code !== 0) throw new Error("The build failed; tests read what it makes");
}

/** @param {string} name @param {number} minutes @param {string[]} left @param {string[]} filters */
async function runProject(name, minutes, left, filters) {
  const folder = `${root}/.cache/tests`;
  const report = `${folder}/${name}.json`;
  mkdirSync(folder, { recursive: true });
  rmSync(report, { force: true });
  const args = [
    "node_modules/vitest/vitest.mjs", "run", "--project", name, "--passWithNoTests",
    `--reporter=${inCI ? "dot" : "default"}`, "--reporter=json", `--outputFile.json=${report}`,
    ...left.flatMap((file) => ["--exclude", file]),
    ...filters,
  ];
  const { code, overran } = await runGroup(process.execPath, args, { cwd: root, timeoutMs: minutes * 60_000 });
  if (overran) console.log(`The ${name} tests were ended after ${minutes} minutes`);
  return countsIn(report, code);
}

/** @param {import("./tests/results.mjs").Counts} counts @param {string | undefined} json */
function finish(counts, json) {
  if (json === undefined) console.log(lineOf(counts));
  else writeFileSync(json, JSON.stringify(counts));
  process.exitCode = counts.failed > 0 || (inCI && counts.skipped > 0) ? 1 : 0;
}

await main();
