// @ts-check
import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

const SKIPPED = new Set(["node_modules", "dist", ".git", ".cache", "coverage", ".vitest-attachments"]);

/**
 * Every file below `root` that belongs to the repository, as paths with slashes, sorted.
 *
 * @param {string} root
 * @param {(path: string) => boolean} [wanted]
 * @returns {string[]}
 */
export function filesOf(root, wanted = () => true) {
  /** @type {string[]} */
  const found = [];
  /** @param {string} folder */
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) found.push(relative(root, path).split(sep).join("/"));
    }
  };
  walk(root);
  return found.filter(wanted).sort();
}
