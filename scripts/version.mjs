#!/usr/bin/env node
// @ts-check
// Gives both packages the same version, and the server the dependency on exactly that client.
//
//   npm run version:set -- 0.2.0
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const version = process.argv[2] ?? "";
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
  console.error(`Usage: npm run version:set -- VERSION, as in 0.2.0 or 0.2.0-rc.1 (got ${JSON.stringify(version)})`);
  process.exit(2);
}

replace("package.json", /^ {2}"version": ".*?"/m, `  "version": "${version}"`);
replace("server/package.json", /^ {2}"version": ".*?"/m, `  "version": "${version}"`);
replace("server/package.json", /^( {4}"millrace": )".*?"/m, `$1"${version}"`);
const lock = spawnSync("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
process.exit(lock.status ?? 1);

/**
 * By text, so that the files keep the layout that people gave them.
 *
 * @param {string} file @param {RegExp} pattern @param {string} replacement
 */
function replace(file, pattern, replacement) {
  const path = new URL(`../${file}`, import.meta.url);
  const text = readFileSync(path, "utf8");
  if (!pattern.test(text)) throw new Error(`${file} holds nothing like ${pattern}`);
  writeFileSync(path, text.replace(pattern, replacement));
}
