// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "../checks/files.mjs";
import { resolvedImports } from "../checks/imports.mjs";

/**
 * What a machine may lack. A test file needs it when it imports the module that starts it, however indirectly.
 *
 * @type {readonly { what: string, module: string, isPresent: (root: string) => boolean }[]}
 */
const NEEDS = [
  {
    what: "a UmaDB server",
    module: "test/support/umadb.ts",
    isPresent: (root) => existsSync(process.env["MILLRACE_UMADB_BIN"] ?? join(root, ".cache/venv/bin/umadb")),
  },
  {
    what: "UmaDB's Python client, new and old",
    module: "test/support/python.ts",
    isPresent: (root) => ["venv", "venv-umadb-0.4.0"].every((folder) => existsSync(join(root, ".cache", folder, "bin/python"))),
  },
  {
    what: "Chromium",
    module: "test/support/chromium.ts",
    isPresent: () => existsSync(process.env["MILLRACE_CHROMIUM"] ?? "/usr/bin/chromium"),
  },
  {
    what: "Go, for somebody else's yamux",
    module: "test/conformance/yamux.test.ts",
    isPresent: () => spawnSync("go", ["version"]).status === 0,
  },
];

/** The command that brings all of it. */
export const SETUP = "npm run setup:test";

/**
 * Test files that cannot run on this machine.
 *
 * @param {string} root
 * @returns {{ what: string, files: string[] }[]} One entry for each missing thing.
 */
export function missingNeeds(root) {
  const missing = NEEDS.filter(({ isPresent }) => !isPresent(root));
  if (missing.length === 0) return [];
  const files = filesOf(root, (path) => path.startsWith("test/") && path.endsWith(".ts") && !path.endsWith(".d.ts"));
  const graph = new Map(files.map((file) => [file, resolvedImports(root, file).map(({ target }) => target)]));
  return missing.map(({ what, module }) => {
    const affected = files.filter((file) => reaches(graph, file, module)).filter((file) => file.endsWith(".test.ts"));
    return { what, files: [...new Set([...affected, ...files.filter(needsEverything)])] };
  });
}

/** The browser project starts a server and a browser before its first file. @param {string} file */
function needsEverything(file) {
  return file.startsWith("test/browser/") && file.endsWith(".test.ts");
}

/** @param {ReadonlyMap<string, readonly string[]>} graph @param {string} from @param {string} to @param {Set<string>} seen @returns {boolean} */
function reaches(graph, from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (graph.get(from) ?? []).some((/** @type {string} */ next) => reaches(graph, next, to, seen));
}
