// @ts-check
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

/**
 * A check that is a program of its own: its output, when it fails, is what is wrong.
 *
 * @param {string} root
 * @param {string} command Found in `node_modules/.bin` first.
 * @param {readonly string[]} args
 * @returns {string[]}
 */
export function problemsOf(root, command, args) {
  const path = [join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", env: { ...process.env, PATH: path }, timeout: 300_000, maxBuffer: 64 << 20 });
  if (result.status === 0) return [];
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return output.length > 0 ? output : [`${command} ended with ${result.error?.message ?? result.status ?? result.signal}`];
}
