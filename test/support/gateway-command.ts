import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
const START_TIMEOUT_MS = 15_000;

/** `millrace gateway` in a process of its own, as an operator starts it. */
export interface GatewayCommand {
  /** Where it serves, `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pid: number;
  /** What it logged so far. */
  log(): string;
  /** Sends SIGTERM and waits for the exit. @returns The exit code, `null` when it had to be killed. */
  close(): Promise<number | null>;
}

/**
 * Starts the built command on a free port and waits for its ready line.
 *
 * @param args After `gateway --listen 127.0.0.1:0 --json`.
 */
export async function startGatewayCommand(args: readonly string[]): Promise<GatewayCommand> {
  if (!existsSync(COMMAND)) throw new Error(`There is no ${COMMAND}: run \`npm run build\``);
  const child = spawn(process.execPath, [COMMAND, "gateway", "--listen", "127.0.0.1:0", "--json", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const killWithUs = (): boolean => child.kill("SIGKILL");
  process.once("exit", killWithUs);

  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The gateway was not ready in ${START_TIMEOUT_MS} ms:\n${log}`)), START_TIMEOUT_MS);
    createInterface({ input: child.stdout }).on("line", (line) => {
      clearTimeout(timer);
      resolve((JSON.parse(line) as { url: string }).url);
    });
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`The gateway ended with ${code} before it was ready:\n${log}`));
    });
  }).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });

  return {
    url,
    pid: child.pid ?? 0,
    log: () => log,
    async close() {
      process.off("exit", killWithUs);
      child.kill("SIGTERM");
      const timer = setTimeout(killWithUs, 10_000);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}
