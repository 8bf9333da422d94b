#!/usr/bin/env node
// @ts-check
/**
 * Generates `gen/` from `proto/`, offline. `--check` writes nothing: it names what differs and exits 1.
 *
 * Files are generated aside and only those that changed are written, so that watchers and running tests see no
 * half-written folder.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "gen");
/** The folders that hold generated files and nothing else; `gen/tsconfig.json` beside them is written by hand. */
const generators = ["es", "static"];
const check = process.argv.includes("--check");

const fresh = await mkdtemp(join(tmpdir(), "millrace-gen-"));
try {
  generate(fresh);
  const differences = compare(await contents(fresh), await contents(target));
  if (check) report(differences);
  else await apply(differences);
} finally {
  await rm(fresh, { recursive: true, force: true });
}

/**
 * Runs buf, which runs the generators that `buf.gen.yaml` names.
 *
 * @param {string} output
 */
function generate(output) {
  const buf = join(root, "node_modules", ".bin", "buf");
  const { status, error } = spawnSync(buf, ["generate", "--output", output], { cwd: root, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Every generated file below a folder: its path with forward slashes -> its text.
 *
 * @param {string} folder
 * @returns {Promise<Map<string, string>>}
 */
async function contents(folder) {
  const files = new Map();
  for (const generator of generators) {
    const entries = await readdir(join(folder, generator), { recursive: true, withFileTypes: true }).catch(ifMissing);
    for (const entry of entries.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name);
      files.set(relative(folder, path).split(sep).join("/"), await readFile(path, "utf8"));
    }
  }
  return files;
}

/**
 * A folder that is not there holds no files: the first run, or `gen/` was removed.
 *
 * @param {NodeJS.ErrnoException} error
 * @returns {import("node:fs").Dirent[]}
 */
function ifMissing(error) {
  if (error.code === "ENOENT") return [];
  throw error;
}

/**
 * What has to happen to `committed` to make it `generated`; `text` is absent for a file that has to go.
 *
 * @typedef {{ path: string, text: string | undefined, what: string }} Difference
 * @param {Map<string, string>} generated
 * @param {Map<string, string>} committed
 * @returns {Difference[]}
 */
function compare(generated, committed) {
  const changed = [...generated].filter(([path, text]) => committed.get(path) !== text);
  const stale = [...committed.keys()].filter((path) => !generated.has(path));
  return [
    ...changed.map(([path, text]) => ({ path, text, what: committed.has(path) ? "differs from what npm run gen makes" : "is missing" })),
    ...stale.map((path) => ({ path, text: undefined, what: "comes from no file in proto/" })),
  ];
}

/** @param {Difference[]} differences */
function report(differences) {
  for (const { path, what } of differences) console.error(`gen/${path} ${what}`);
  if (differences.length > 0) process.exitCode = 1;
}

/** @param {Difference[]} differences */
async function apply(differences) {
  for (const { path, text } of differences) {
    const file = join(target, path);
    if (text === undefined) {
      await rm(file);
      continue;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
