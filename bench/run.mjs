#!/usr/bin/env node
// Measures us against our peers, both in the same run, and prints one row a measurement.
//
//   npm run bench -- [--only NAME]… [--json FILE]
//
// A row: { name, shape, runtime, ours, peer, ratio, spread, unit }. `ours` and `peer` are medians, `ratio` is ours / peer,
// `spread` how far the rounds lie apart: (max - min) / median, the wider one of both. Needs `npm run build` and
// `npm run setup:test`; the peers are installed below bench/ when they are missing.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** Each gives one or more rows in less than a minute. Loaded when asked for, so that the peers can be installed first. */
const ROWS = {
  "read-gateway": () => import("./rows/read-gateway.mjs"),
  "bridge-cpu": () => import("./rows/bridge-cpu.mjs"),
  "bundle-size": () => import("./rows/bundle-size.mjs"),
};

const { values } = parseArgs({ options: { only: { type: "string", multiple: true }, json: { type: "string" } } });
const unknown = values.only?.find((name) => !(name in ROWS));
if (unknown !== undefined) {
  console.error(`there is no row ${JSON.stringify(unknown)}; there are: ${Object.keys(ROWS).join(", ")}`);
  process.exit(2);
}

installPeers();
const rows = [];
for (const [name, load] of Object.entries(ROWS)) {
  if (values.only !== undefined && !values.only.includes(name)) continue;
  const { measure } = await load();
  for (const row of await measure()) {
    rows.push({ ...row, ratio: round(row.ours / row.peer, 3), ours: round(row.ours, 2), peer: round(row.peer, 2), spread: round(row.spread, 3), runtime: `node ${process.versions.node}` });
  }
}
console.table(rows.map(({ name, shape, ours, peer, ratio, spread, unit, runtime }) => ({ name, shape, ours, peer, ratio, spread, unit, runtime })));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);

function installPeers() {
  const here = fileURLToPath(new URL(".", import.meta.url));
  if (existsSync(`${here}node_modules/@connectrpc/connect-web`)) return;
  console.error("bench: installing the peers");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  if (npm.status !== 0) process.exit(1);
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
