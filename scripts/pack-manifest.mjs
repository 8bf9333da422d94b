#!/usr/bin/env node
// @ts-check
// `prepack` and `postpack` of both packages: what is published says only what a user needs. `file:` links, development
// dependencies, workspaces and scripts stay here.
//
//   node scripts/pack-manifest.mjs strip|restore     (in the package's folder)
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const PUBLISHED = [
  "name", "version", "description", "keywords", "license", "homepage", "repository", "type", "engines", "sideEffects",
  "bin", "files", "exports", "dependencies", "peerDependencies", "peerDependenciesMeta",
];
const MANIFEST = "package.json";
const KEPT = "package.json.kept";

const action = process.argv[2];
if (action === "strip") strip();
else if (action === "restore") restore();
else throw new Error(`Usage: pack-manifest.mjs strip|restore, not ${JSON.stringify(action)}`);

function strip() {
  // A pack that failed half-way never came to `postpack`: the kept file is the real one.
  restore();
  const text = readFileSync(MANIFEST, "utf8");
  const published = Object.fromEntries(Object.entries(JSON.parse(text)).filter(([key]) => PUBLISHED.includes(key)));
  writeFileSync(KEPT, text);
  // By renaming, so that nobody reads half a file.
  writeFileSync(`${MANIFEST}.new`, `${JSON.stringify(published, null, 2)}\n`);
  renameSync(`${MANIFEST}.new`, MANIFEST);
}

function restore() {
  if (existsSync(KEPT)) renameSync(KEPT, MANIFEST);
}
