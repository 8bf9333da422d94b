// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "../checks/files.mjs";
import { resolvedImports } from "../checks/imports.mjs";

/** @typedef {{ what: string, isPresent: (root: string) => boolean }} Need What a machine may lack. */

/** @param {string} command */
const isCommand = (command) => spawnSync("which", [command]).status === 0;

/** @type {Need} */
export const UMADB = { what: "a UmaDB server", isPresent: (root) => existsSync(process.env["MILLRACE_UMADB_BIN"] ?? join(root, ".cache/venv/bin/umadb")) };
/** @type {Need} */
export const CHROMIUM = { what: "Chromium", isPresent: () => existsSync(process.env["MILLRACE_CHROMIUM"] ?? "/usr/bin/chromium") };
/** @type {Need} */
export const FIREFOX = { what: "Firefox", isPresent: () => existsSync(process.env["MILLRACE_FIREFOX"] ?? "/usr/bin/firefox-esr") };
/** @type {Need} */
export const WEBKIT = { what: "WebKitGTK with its driver and Xvfb", isPresent: () => ["WebKitWebDriver", "Xvfb"].every(isCommand) };

/** Another runtime than Node 20, by the name of its program. @param {string} what @param {string} program @returns {Need} */
export function runtimeNeed(what, program) {
  return { what, isPresent: (root) => existsSync(runtimeProgram(root, program)) };
}

/** Where `npm run setup:test` puts the program of another runtime. @param {string} root @param {string} program */
export function runtimeProgram(root, program) {
  return join(root, ".cache/runtimes/node_modules/.bin", program);
}

/**
 * A test file needs one of these when it imports the module that starts it, however indirectly.
 *
 * @type {readonly (Need & { module: string })[]}
 */
const NEEDS = [
  { ...UMADB, module: "test/support/umadb.ts" },
  {
    what: "PostgreSQL",
    module: "test/support/postgres.ts",
    isPresent: () => process.env["MILLRACE_POSTGRES_BIN"] !== undefined || existsSync("/usr/lib/postgresql"),
  },
  {
    what: "UmaDB's Python client, new and old",
    module: "test/support/python.ts",
    isPresent: (root) => ["venv", "venv-umadb-0.4.0"].every((folder) => existsSync(join(root, ".cache", folder, "bin/python"))),
  },
  { ...CHROMIUM, module: "test/support/chromium.ts" },
  { ...FIREFOX, module: "test/support/browsers/firefox.ts" },
  { ...WEBKIT, module: "test/support/browsers/webkit.ts" },
  {
    what: "Node 24, Deno, Bun and workerd",
    module: "test/support/runtimes.ts",
    isPresent: (root) => ["node", "deno", "bun", "workerd"].every((program) => existsSync(runtimeProgram(root, program))),
  },
  { what: "Go, for somebody else's yamux", module: "test/conformance/yamux.test.ts", isPresent: () => isCommand("go") },
];

/** The command that brings all of it. */
export const SETUP = "npm run setup:test";

/**
 * Test files of the node project that cannot run on this machine.
 *
 * @param {string} root
 * @returns {{ what: string, files: string[] }[]} One entry for each missing thing.
 */
export function missingNeeds(root) {
  const missing = NEEDS.filter(({ isPresent }) => !isPresent(root));
  if (missing.length === 0) return [];
  const files = filesOf(root, (path) => /^test\/(?!browser\/|runtime\/)/.test(path) && path.endsWith(".ts") && !path.endsWith(".d.ts"));
  const graph = new Map(files.map((file) => [file, resolvedImports(root, file).map(({ target }) => target)]));
  return missing.map(({ what, module }) => {
    const affected = files.filter((file) => reaches(graph, file, module)).filter((file) => /(?<!\.live)\.test\.ts$/.test(file));
    return { what, files: affected };
  });
}

/** @param {ReadonlyMap<string, readonly string[]>} graph @param {string} from @param {string} to @param {Set<string>} seen @returns {boolean} */
function reaches(graph, from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (graph.get(from) ?? []).some((/** @type {string} */ next) => reaches(graph, next, to, seen));
}
