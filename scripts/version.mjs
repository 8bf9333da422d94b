#!/usr/bin/env node
// @ts-check
// Gives both packages the same version, and the server the dependency on exactly that client.
//
//   npm run version:set -- 0.2.0
import { readFileSync, writeFileSync } from "node:fs";

const version = process.argv[2] ?? "";
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
  console.error(`Usage: npm run version:set -- VERSION, as in 0.2.0 or 0.2.0-rc.1 (got ${JSON.stringify(version)})`);
  process.exit(2);
}

replace("package.json", [/^ {2}"version": ".*?"/m]);
replace("server/package.json", [/^ {2}"version": ".*?"/m, /^ {4}"millrace": ".*?"/m]);
updateLock();

/**
 * By text, so that the files keep the layout that people gave them.
 *
 * @param {string} file @param {readonly RegExp[]} patterns Each matches a key and its value.
 */
function replace(file, patterns) {
  const path = new URL(`../${file}`, import.meta.url);
  let text = readFileSync(path, "utf8");
  for (const pattern of patterns) {
    if (!pattern.test(text)) throw new Error(`${file} holds nothing like ${pattern}`);
    text = text.replace(pattern, (found) => found.replace(/"[^"]*"$/, JSON.stringify(version)));
  }
  writeFileSync(path, text);
}

function updateLock() {
  const path = new URL("../package-lock.json", import.meta.url);
  const lock = JSON.parse(readFileSync(path, "utf8"));
  lock.version = version;
  lock.packages[""].version = version;
  lock.packages.server.version = version;
  lock.packages.server.dependencies.millrace = version;
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
