#!/usr/bin/env node
// Installs what the tests need and this machine lacks, by the system's own package managers. Quick when nothing is missing.
//
//   node scripts/setup-test.mjs [--only umadb|clients|tools|runtimes]
//
// `tools` are system packages (browsers, openssl, PostgreSQL); `umadb` is the server, with its client, in a private Python
// environment below .cache/; `clients` are others' clients, each in an environment of its own; `runtimes` are what
// test/runtime/package.json names, below .cache/ too.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** Exact versions: a test must not change its meaning because a package index moved on. */
const UMADB = { name: "umadb", folder: "venv", packages: ["umadb==0.7.8"], works: ["bin/umadb", "--version"] };
const OLD_CLIENT = { name: "umadb 0.4.0 (client)", folder: "venv-umadb-0.4.0", packages: ["umadb==0.4.0"], works: ["bin/python", "-c", "import umadb"] };

const KURRENTDB_CLIENT = { name: "kurrentdbclient (client)", folder: "venv-kurrentdbclient", packages: ["kurrentdbclient==1.3.5"], works: ["bin/python", "-c", "import kurrentdbclient"] };

/** Debian's package for each command; the environment variable points at another binary. Some stand in a folder for each version. */
const TOOLS = [
  { command: "chromium", package: "chromium", override: "MILLRACE_CHROMIUM" },
  { command: "firefox-esr", package: "firefox-esr", override: "MILLRACE_FIREFOX" },
  { command: "WebKitWebDriver", package: "webkit2gtk-driver" },
  { command: "Xvfb", package: "xvfb" },
  { command: "openssl", package: "openssl" },
  { command: "go", package: "golang-go" },
  { command: "initdb", package: "postgresql", override: "MILLRACE_POSTGRES_BIN", below: "/usr/lib/postgresql" },
];

/** A package of its own, so that who only builds does not download half a gigabyte. */
const RUNTIMES = fileURLToPath(new URL("../test/runtime/", import.meta.url));

const cache = fileURLToPath(new URL("../.cache/", import.meta.url));

function main() {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const parts = { tools: setUpTools, umadb: () => setUpPython(UMADB), clients: () => [OLD_CLIENT, KURRENTDB_CLIENT].forEach(setUpPython), runtimes: setUpRuntimes };
  const names = Object.keys(parts);
  if (values.only !== undefined && !names.includes(values.only)) {
    fail(`--only takes one of ${names.join(", ")}, not ${JSON.stringify(values.only)}`);
  }
  for (const name of names) if (values.only === undefined || values.only === name) parts[name]();
}

function setUpTools() {
  const missing = TOOLS.filter((tool) => !isPresent(tool));
  if (missing.length > 0) aptInstall(missing.map((tool) => tool.package));
  for (const tool of TOOLS) {
    if (!isPresent(tool)) fail(`${tool.command} is still missing after the installation`);
    say(`${tool.command}: present`);
  }
}

function setUpPython({ name, folder, packages, works: [command, ...args] }) {
  const venv = `${cache}${folder}`;
  const stamp = `${venv}.json`;
  const wanted = JSON.stringify({ python: pythonVersion(), packages });
  const works = () => runs(`${venv}/${command}`, args);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && works()) {
    say(`${name}: present`);
    return;
  }
  mkdirSync(cache, { recursive: true });
  rmSync(stamp, { force: true });
  rmSync(venv, { recursive: true, force: true });
  createVenv(venv);
  run(`${venv}/bin/python`, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
  if (!works()) fail(`${name} was installed but does not start`);
  writeFileSync(stamp, wanted);
  say(`${name}: installed (${packages.join(", ")})`);
}

function setUpRuntimes() {
  const folder = `${cache}runtimes`;
  const stamp = `${folder}.json`;
  const wanted = readFileSync(`${RUNTIMES}package-lock.json`, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && runtimesStart(folder)) {
    say("runtimes: present");
    return;
  }
  mkdirSync(folder, { recursive: true });
  rmSync(stamp, { force: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(RUNTIMES + file, `${folder}/${file}`);
  run("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund"]);
  if (!runtimesStart(folder)) fail("the runtimes were installed but do not all start");
  writeFileSync(stamp, wanted);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const names = Object.entries({ ...dependencies, ...optionalDependencies }).map(([name, version]) => `${name} ${version}`);
  say(`runtimes: installed (${names.join(", ")})`);
}

/** `node` is left out: its package is optional, there is one for Linux on x86-64 only. */
function runtimesStart(folder) {
  return ["bun", "deno", "workerd"].every((name) => runs(`${folder}/node_modules/.bin/${name}`, ["--version"]));
}

/** Debian splits `ensurepip` off Python: `-m venv` then fails until python3-venv is there. */
function createVenv(venv) {
  if (!runs("python3", ["-c", "import ensurepip, venv"])) aptInstall(["python3", "python3-venv"]);
  run("python3", ["-m", "venv", venv]);
}

function pythonVersion() {
  if (!runs("python3", ["--version"])) aptInstall(["python3", "python3-venv"]);
  return spawnSync("python3", ["--version"], { encoding: "utf8" }).stdout.trim();
}

function isPresent(tool) {
  const chosen = tool.override === undefined ? undefined : process.env[tool.override];
  if (chosen !== undefined) return existsSync(chosen);
  if (tool.below === undefined) return runs("which", [tool.command]);
  return existsSync(tool.below) && readdirSync(tool.below).some((version) => existsSync(`${tool.below}/${version}/bin/${tool.command}`));
}

function aptInstall(packages) {
  if (!runs("which", ["apt-get"])) fail(`install these with your package manager, then run this again: ${packages.join(" ")}`);
  const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const apt = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"];
  say(`installing ${packages.join(" ")}`);
  run(apt[0], [...apt.slice(1), "update"]);
  run(apt[0], [...apt.slice(1), "install", "-y", "--no-install-recommends", ...packages]);
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}

/** Standard output of a tool is noise unless it fails, and standard output of this script may be read by a program. */
function run(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 600_000 });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim().split("\n").slice(-20).join("\n");
  fail(`${command} ${args.join(" ")} ended with ${result.error?.message ?? result.status ?? result.signal}\n${output}`);
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

main();
