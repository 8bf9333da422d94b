// @ts-check
import { problemsOf } from "./command.mjs";
import { checkDocComments } from "./doc-comments.mjs";
import { checkLayers } from "./layers.mjs";
import { checkPackages } from "./packages.mjs";
import { checkProse } from "./prose.mjs";
import { checkSizes } from "./size.mjs";

/**
 * @typedef {object} Check
 * @property {string} name One word, as it is chosen on the command line.
 * @property {(root: string) => string[] | Promise<string[] | { problems: string[], note: string }>} run
 */

/**
 * The rules that are checked, in the order in which they run: `types` builds what the later ones read.
 *
 * @type {readonly Check[]}
 */
export const CHECKS = [
  { name: "types", run: (root) => problemsOf(root, "tsc", ["-b", "--pretty", "false"]) },
  { name: "lint", run: (root) => problemsOf(root, "oxlint", ["--type-aware", "--deny-warnings", "--format=unix"]) },
  { name: "protos", run: (root) => problemsOf(root, "npm", ["run", "--silent", "lint:proto"]) },
  { name: "generated", run: (root) => problemsOf(root, "npm", ["run", "--silent", "gen:check"]) },
  { name: "layers", run: checkLayers },
  { name: "packages", run: checkPackages },
  { name: "docs", run: checkDocComments },
  { name: "sizes", run: checkSizes },
  { name: "prose", run: checkProse },
];

/**
 * Runs a check; one that breaks down is one that found something.
 *
 * @param {Check} check
 * @param {string} root
 * @returns {Promise<{ problems: string[], note: string }>}
 */
export async function outcomeOf(check, root) {
  try {
    const outcome = await check.run(root);
    return Array.isArray(outcome) ? { problems: outcome, note: "" } : outcome;
  } catch (error) {
    return { problems: [String(error)], note: "" };
  }
}
