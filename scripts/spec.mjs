#!/usr/bin/env node
// @ts-check
// Runs the specification of a system on a server that is there already, and leaves in it what the tests write.
//
//   MILLRACE_TEST_UMADB_URL=http://127.0.0.1:50051 npm run spec -- umadb [VITEST'S ARGUMENTS…]
//
// The exit code is Vitest's; 2 when it is not said on which server.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { endGroupsOnSignal, runGroup } from "./tests/process.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const FILE = /^(\w+)\.live\.test\.ts$/;
const TIMEOUT_MS = 30 * 60_000;

const systems = readdirSync(`${root}/test/spec`).flatMap((file) => FILE.exec(file)?.[1] ?? []);
const [system = "", ...args] = process.argv.slice(2);
const variable = `MILLRACE_TEST_${system.toUpperCase()}_URL`;

if (!systems.includes(system)) {
  refuse(`Usage: npm run spec -- ${systems.join("|")}`);
} else if (!URL.canParse(process.env[variable] ?? "")) {
  refuse(`${variable} must be the address of a server to run the specification of ${system} on`);
} else {
  endGroupsOnSignal();
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "spec", `test/spec/${system}.live.test.ts`, ...args];
  const { code } = await runGroup(process.execPath, vitest, { cwd: root, timeoutMs: TIMEOUT_MS });
  process.exitCode = code;
}

/** @param {string} text */
function refuse(text) {
  console.error(text);
  process.exitCode = 2;
}
