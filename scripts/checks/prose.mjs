// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "./files.mjs";

const TEXT = /\.(ts|mjs|js|json|jsonc|md|proto|ya?ml|html|css|sh|txt)$|(^|\/)(LICENSE|NOTICE|Dockerfile|\.gitignore|run)$/;

/** What a stranger who reads the repository has no use for. */
const FOREIGN = [
  { what: "a path of one machine", pattern: /(?<![\w.])\/(?:work|root|home\/\w+)\/\w/ },
  { what: "the address of a package registry", pattern: /registry\.(?:npmjs|yarnpkg)\.\w+|\bpypi\.org\/simple|files\.pythonhosted\.\w+/ },
  { what: "a note of the workplace", pattern: /\bshared\/(?:design|decisions|style|transport|runtimes|parity|protocols|golden|probes|hooks)\b|\b(?<!docs\/)(?:design|decisions|transport|runtimes|parity)\.md\b/ },
  { what: "a note of the workplace", pattern: /\bissues? (?:show|list)\b|\b(?:protocol |the )sheet(?:'s)?\b|\bsheet section\b/i },
];

/** A scope says which part of the product a change is in; what is about the repository as a whole has none. */
const SUBJECT = /^(?:(?:feat|fix|docs|test|refactor|perf|style|revert)\([\w/, -]+\)|(?:build|chore|ci)(?:\([\w/, -]+\))?)!?: \S/;

/**
 * @param {string} root
 * @returns {string[]}
 */
export function checkProse(root) {
  const files = filesOf(root, (path) => TEXT.test(path) && path !== "scripts/checks/prose.mjs");
  const texts = files.map((file) => ({ where: file, text: readFileSync(join(root, file), "utf8") }));
  return [...texts.flatMap(({ where, text }) => foreignIn(where, text)), ...commitSubjects(root).flatMap(subjectProblems)];
}

/** @param {string} where @param {string} text @returns {string[]} */
export function foreignIn(where, text) {
  return text.split("\n").flatMap((line, index) =>
    FOREIGN.filter(({ pattern }) => pattern.test(line)).map(({ what }) => `${where}:${index + 1} holds ${what}`),
  );
}

/** @param {string} subject @returns {string[]} */
export function subjectProblems(subject) {
  const problems = foreignIn(`commit "${subject}"`, subject);
  return SUBJECT.test(subject) ? problems : [...problems, `commit "${subject}" has no type and scope, as in \`fix(gateway): …\``];
}

/** @param {string} root @returns {string[]} None outside of a checkout. */
function commitSubjects(root) {
  if (!existsSync(join(root, ".git"))) return [];
  const log = spawnSync("git", ["log", "--no-merges", "--format=%s"], { cwd: root, encoding: "utf8", maxBuffer: 64 << 20 });
  if (log.status !== 0) throw new Error(`git log ended with ${log.status}: ${log.stderr}`);
  return log.stdout.split("\n").filter((line) => line !== "");
}
