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
