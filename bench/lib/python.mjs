import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PYTHON = fileURLToPath(new URL("../../.cache/venv/bin/python", import.meta.url));

/** A Python program that answers each line of JSON on its standard input with one on its standard output. */
export async function startPython(program, args) {
  if (!existsSync(PYTHON)) throw new Error(`There is no ${PYTHON}: run \`npm run setup:test\``);
  const child = spawn(PYTHON, [fileURLToPath(new URL(`../${program}`, import.meta.url)), ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => { throw new Error(`${program} ended`); });
  ended.catch(() => {});
  const answer = async () => JSON.parse((await Promise.race([once(lines, "line"), ended]))[0]);
  await answer();
  return {
    ask(question) {
      const next = answer();
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return next;
    },
    async stop() {
      process.off("exit", killWithUs);
      child.stdin.end();
      await ended.catch(() => {});
    },
  };
}
