// @ts-check
import { CHROMIUM, FIREFOX, runtimeNeed, runtimeProgram, UMADB, WEBKIT } from "./needs.mjs";

/**
 * The tests of one runtime: a project of vite.config.ts by the same name.
 *
 * @typedef {object} Project
 * @property {string} name
 * @property {number} minutes The longest that it may take.
 * @property {readonly import("./needs.mjs").Need[]} [needs] Without these none of it can run.
 * @property {(root: string) => readonly string[]} [command] What Vitest is started with, where Node 20 does not start it.
 * @property {boolean} [withoutVitest] Vitest does not start there: scripts/tests/workerd.mjs runs the same files.
 */

/** In the order in which they run. @type {readonly Project[]} */
export const PROJECTS = [
  { name: "node", minutes: 16 },
  { name: "chromium", minutes: 6, needs: [UMADB, CHROMIUM] },
  { name: "firefox", minutes: 3, needs: [UMADB, FIREFOX] },
  { name: "webkit", minutes: 3, needs: [UMADB, WEBKIT] },
  { name: "node24", minutes: 3, needs: [UMADB, runtimeNeed("Node 24", "node")], command: (root) => [runtimeProgram(root, "node")] },
  { name: "deno", minutes: 3, needs: [UMADB, runtimeNeed("Deno", "deno")], command: (root) => [runtimeProgram(root, "deno"), "run", "--allow-all"] },
  { name: "bun", minutes: 3, needs: [UMADB, runtimeNeed("Bun", "bun")], command: (root) => [runtimeProgram(root, "bun"), "--bun"] },
  { name: "workerd", minutes: 3, needs: [UMADB, runtimeNeed("workerd", "workerd")], withoutVitest: true },
];

/**
 * What a project lacks on this machine.
 *
 * @param {Project} project
 * @param {string} root
 */
export function lackOf({ needs = [] }, root) {
  return needs.filter(({ isPresent }) => !isPresent(root)).map(({ what }) => what);
}
