import { start } from "./process.mjs";

/** A contestant in a Node process: `ask({ fields, full })` reads everything once. */
export function startContestant(module, url, shape) {
  return start("programs/contestant.mjs", [module, url, shape]);
}
