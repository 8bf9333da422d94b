#!/usr/bin/env node
// @ts-check
// Builds, then runs every test that this machine can run, and names what it lacks for the rest.
//
//   npm test [-- --no-build] [--long] [--project NAME]… [--json FILE] [FILTER…]
//
// The last line counts the tests; with --json it goes to that file instead. With --long randomised tests draw far more,
// every runtime runs whole specifications, and nothing is held to the time of a short run.
// With CI=true a test that is missing something, or is left out, is a failure.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { missingNeeds, SETUP } from "./tests/needs.mjs";
import { endGroupsOnSignal, runGroup } from "./tests/process.mjs";
import { lackOf, PROJECTS } from "./tests/projects.mjs";
import { countsIn, lineOf, sum } from "./tests/results.mjs";
import { serveStores } from "./tests/stores.mjs";

/** @typedef {import("./tests/projects.mjs").Project} Project */
/** @typedef {import("./tests/results.mjs").Counts} Counts */

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const inCI = process.env["CI"] === "true";
/** How much longer a long run may take. */
const LONG_FACTOR = 10;

const { values, positionals: filters } = parseArgs({
  options: {
    "no-build": { type: "boolean", default: false },
    long: { type: "boolean", default: process.env["MILLRACE_LONG"] === "1" },
    project: { type: "string", multiple: true },
    json: { type: "string" },
  },
  allowPositionals: true,
});

async function main() {
  endGroupsOnSignal();
  const chosen = chosenProjects();
  if (!values["no-build"]) await buildFirst();
  if (values.long) process.env["MILLRACE_LONG"] = "1";
  const missing = missingNeeds(root);
  const left = chosen.some(({ name }) => name === "node") ? [...new Set(missing.flatMap(({ files }) => files))] : [];
  const runnable = chosen.filter((project) => lackOf(project, root).length === 0);
  const counts = await runAll(runnable, left);
  tell(counts);
  if (left.length > 0) for (const { what, files } of missing) console.log(`Not run for want of ${what}: ${files.length} test files; \`${SETUP}\` installs it`);
  const idle = chosen.filter((project) => !runnable.includes(project));
  for (const project of idle) console.log(`Not run for want of ${lackOf(project, root).join(" and ")}: the tests in ${project.name}; \`${SETUP}\` installs it`);
  const notRun = left.length + idle.length;
  finish(sum([...counts.map(({ result }) => result), { passed: 0, failed: inCI ? notRun : 0, skipped: inCI ? 0 : notRun }]));
}

function chosenProjects() {
  const unknown = (values.project ?? []).filter((name) => !PROJECTS.some((project) => project.name === name));
  if (unknown.length > 0) throw new Error(`There is no project ${unknown.join(", ")}: ${PROJECTS.map(({ name }) => name).join(", ")}`);
  return PROJECTS.filter(({ name }) => values.project?.includes(name) ?? true);
}

async function buildFirst() {
  const { code } = await runGroup("npm", ["run", "--silent", "build"], { cwd: root, timeoutMs: 300_000 });
  if (code !== 0) throw new Error("The build failed; tests read what it makes");
}

/** @param {readonly Project[]} projects @param {readonly string[]} left */
async function runAll(projects, left) {
  const stores = projects.some(startsNoServers) ? await serveStores() : undefined;
  const counts = [];
  for (const project of projects) {
    const startedAt = Date.now();
    const result = await runProject(project, left, stores?.url);
    counts.push({ name: project.name, result, seconds: Math.round((Date.now() - startedAt) / 1000) });
  }
  await stores?.close();
  return counts;
}

/** Vitest in Node 20 starts servers itself, also for pages. @param {Project} project */
function startsNoServers({ command, withoutVitest }) {
  return command !== undefined || withoutVitest === true;
}

/** @param {Project} project @param {readonly string[]} left @param {string | undefined} storesUrl */
async function runProject(project, left, storesUrl) {
  const { name, minutes } = project;
  const folder = `${root}/.cache/tests`;
  const report = `${folder}/${name}.json`;
  mkdirSync(folder, { recursive: true });
  rmSync(report, { force: true });
  const [command = process.execPath, ...args] = commandOf(project, report, left);
  const env = { ...process.env, ...(storesUrl !== undefined && { MILLRACE_STORES_URL: storesUrl }) };
  const timeoutMs = minutes * 60_000 * (values.long ? LONG_FACTOR : 1);
  const { code, overran } = await runGroup(command, args, { cwd: root, timeoutMs, env });
  if (overran) console.log(`The ${name} tests were ended after ${timeoutMs / 60_000} minutes`);
  return countsIn(report, code);
}

/** @param {Project} project @param {string} report @param {readonly string[]} left */
function commandOf({ name, command, withoutVitest }, report, left) {
  if (withoutVitest === true) return [process.execPath, "scripts/tests/workerd.mjs", report, values.long ? "all" : "marked", ...filters];
  return [
    ...(command?.(root) ?? [process.execPath]),
    "node_modules/vitest/vitest.mjs", "run", "--project", name, "--passWithNoTests",
    `--reporter=${inCI && !values.long ? "dot" : "default"}`, "--reporter=json", `--outputFile.json=${report}`,
    ...(name === "node" ? left.flatMap((file) => ["--exclude", file]) : []),
    ...filters,
  ];
}

/** @param {readonly { name: string, result: Counts, seconds: number }[]} counts */
function tell(counts) {
  for (const { name, result, seconds } of counts) console.log(`${name.padEnd(9)} ${lineOf(result)} in ${seconds} s`);
}

/** @param {Counts} counts */
function finish(counts) {
  if (values.json === undefined) console.log(lineOf(counts));
  else writeFileSync(values.json, JSON.stringify(counts));
  process.exitCode = counts.failed > 0 || (inCI && counts.skipped > 0) ? 1 : 0;
}

await main();
