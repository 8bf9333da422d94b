import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { umadbCommand } from "../support/umadb.js";

const COMMAND = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** What `millrace dev --json` says when it is ready. */
export interface ReadyLine {
  readonly ready: true;
  readonly url: string;
  readonly native: { readonly umadb: string };
  readonly dashboard: string;
  /** Whether it makes events up. */
  readonly demo: boolean;
}

/** `millrace dev` in a process of its own. */
export interface DevCommand {
  readonly ready: ReadyLine;
  /** Sends a signal and waits for the end. @returns The exit code; `null` when the signal itself ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts the built command on a free port and waits for its ready line. `args` come after `dev --listen 127.0.0.1:0 --json`. */
export async function startDev(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<DevCommand> {
  const { child, exited, output } = launch(["--listen", "127.0.0.1:0", "--json", ...args], env);
  const killWithUs = (): boolean => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const line = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Not ready in ${START_TIMEOUT_MS} ms:\n${output()}`)), START_TIMEOUT_MS);
    createInterface({ input: child.stdout }).once("line", (text) => {
      clearTimeout(timer);
      resolve(text);
    });
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`Ended with ${code} before it was ready:\n${output()}`));
    });
  });
  return {
    ready: JSON.parse(line) as ReadyLine,
    async end(signal) {
      process.off("exit", killWithUs);
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs the built command to its end. */
export async function runDev(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; output: string }> {
  const { exited, output } = launch(args, env);
  return { code: await exited, output: output() };
}

function launch(args: readonly string[], env: NodeJS.ProcessEnv) {
  if (!existsSync(COMMAND)) throw new Error(`There is no ${COMMAND}: run \`npm run build\``);
  const child = spawn(process.execPath, [COMMAND, "dev", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, MILLRACE_UMADB_BIN: umadbCommand(), ...env },
  });
  let output = "";
  const collect = (bytes: Buffer): void => void (output += bytes.toString());
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, exited, output: () => output };
}
