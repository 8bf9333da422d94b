// @ts-check
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKS, outcomeOf } from "./index.mjs";
import { VIOLATIONS } from "./violations.mjs";

const LEFT_OUT = new Set(["node_modules", ".git", ".cache", "coverage"]);

/** What a violation may touch, and what is put back after it. The rest of a copy is never written to. */
const TOUCHED = ["src", "gen", "proto", "server", "test/unit", "docs", "dist", "package.json"];

/**
 * Plants one violation after another in a copy of the repository and lets its check run: a check that stays green is
 * no check.
 *
 * @param {string} root
 * @param {readonly string[]} names The checks to try; all when empty.
 * @param {(what: string, problems: string[]) => void} report Called for each violation; problems are the self-test's own.
 */
export async function selfTest(root, names, report) {
  const untried = CHECKS.filter(({ name }) => !VIOLATIONS.some(({ check }) => check === name));
  for (const { name } of untried) report(`${name}: every check`, ["has no violation to prove it"]);
  const copy = mkdtempSync(join(tmpdir(), "millrace-check-"));
  try {
    copyRepository(root, copy);
    for (const { check, what, plant } of VIOLATIONS.filter(({ check }) => names.length === 0 || names.includes(check))) {
      plant(copy);
      const problems = await run(check, copy);
      report(`${check}: ${what}`, problems.length > 0 ? [] : ["was not noticed"]);
      restore(root, copy);
    }
    // The plants are gone: whatever is red now was red for another reason, and every line above would prove nothing.
    for (const name of new Set(VIOLATIONS.map(({ check }) => check))) {
      if (names.length === 0 || names.includes(name)) report(`${name}: nothing planted`, await run(name, copy));
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** @param {string} name @param {string} root @returns {Promise<string[]>} */
async function run(name, root) {
  const check = CHECKS.find((one) => one.name === name);
  if (check === undefined) throw new Error(`There is no check named ${name}`);
  return (await outcomeOf(check, root)).problems;
}

/** @param {string} root @param {string} copy */
function copyRepository(root, copy) {
  for (const entry of readdirSync(root)) {
    if (!LEFT_OUT.has(entry)) copyEntry(root, copy, entry);
  }
  linkDependencies(root, copy);
}

/** @param {string} root @param {string} copy */
function restore(root, copy) {
  for (const entry of TOUCHED) {
    rmSync(join(copy, entry), { recursive: true, force: true });
    copyEntry(root, copy, entry);
  }
}

/** @param {string} root @param {string} copy @param {string} entry */
function copyEntry(root, copy, entry) {
  if (statSync(join(root, entry), { throwIfNoEntry: false }) === undefined) return;
  // Time stamps are kept, so that the compiler sees what did not change.
  cpSync(join(root, entry), join(copy, entry), { recursive: true, preserveTimestamps: true });
}

/** Installed packages are shared, but our own two are those of the copy. @param {string} root @param {string} copy */
function linkDependencies(root, copy) {
  mkdirSync(join(copy, "node_modules"));
  const own = new Map([["millrace", copy], ["millrace-server", join(copy, "server")]]);
  for (const entry of readdirSync(join(root, "node_modules"))) {
    symlinkSync(own.get(entry) ?? join(root, "node_modules", entry), join(copy, "node_modules", entry));
  }
}
