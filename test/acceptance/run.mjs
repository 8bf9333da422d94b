#!/usr/bin/env node
// Proves what the project promises, on real servers and on the packed tarballs, script by script. Minutes each: not for CI.
//
//   npm run acceptance [-- NAME…]     all of them, or those whose name begins so
//
// Needs `npm run build` and `npm run setup:test` first.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = join(root, "test/acceptance");
const work = join(root, ".cache/acceptance");
const modules = join(work, "node_modules");

const known = readdirSync(here).filter((file) => file.endsWith(".accept.ts")).map((file) => file.slice(0, -".accept.ts".length));
const asked = process.argv.slice(2);
const names = asked.length === 0 ? known : known.filter((name) => asked.some((prefix) => name.startsWith(prefix)));
if (names.length === 0) {
  console.error(`there is no such script; there are: ${known.join(", ")}`);
  process.exit(2);
}

unpackOurs();
const verdicts = [];
for (const name of names) verdicts.push([name, await run(name)]);
console.log("");
for (const [name, passed] of verdicts) console.log(`${passed ? "PASS" : "FAIL"}  ${name}`);
process.exit(verdicts.every(([, passed]) => passed) ? 0 : 1);

/** A project that has installed the two tarballs, and finds everything else in this repository. */
function unpackOurs() {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  const ours = new Set(["millrace", "millrace-server", ".bin", ".package-lock.json"]);
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (!ours.has(entry)) symlinkSync(join(root, "node_modules", entry), join(modules, entry));
  }
  unpack("millrace", []);
  unpack("millrace-server", ["-w", "server"]);
}

function unpack(name, args) {
  if (!existsSync(join(root, "dist/src/index.js"))) throw new Error("run `npm run build` first");
  const packed = spawnSync("npm", ["pack", "--silent", "--pack-destination", work, ...args], { cwd: root, encoding: "utf8" });
  if (packed.status !== 0) throw new Error(`npm pack of ${name} failed:\n${packed.stderr}`);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const target = join(modules, name);
  mkdirSync(target);
  const tar = spawnSync("tar", ["xzf", join(work, `${name}-${version}.tgz`), "--strip-components=1", "-C", target], { encoding: "utf8" });
  if (tar.status !== 0) throw new Error(`tar failed:\n${tar.stderr}`);
}

async function run(name) {
  const outfile = join(work, `${name}.mjs`);
  await build({ entryPoints: [join(here, `${name}.accept.ts`)], outfile, bundle: true, packages: "external", format: "esm", platform: "node", target: "node20", logLevel: "warning" });
  console.log(`\n=== ${name}`);
  const env = { ...process.env, MILLRACE_ACCEPTANCE_ROOT: root };
  if (existsSync(join(root, ".cache/venv/bin/umadb"))) env.MILLRACE_UMADB_BIN ??= join(root, ".cache/venv/bin/umadb");
  return spawnSync(process.execPath, [outfile], { stdio: "inherit", env, timeout: 900_000 }).status === 0;
}
