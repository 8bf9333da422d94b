import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What a probed process says about itself. */
export interface Usage {
  /** Bytes outside the JavaScript heap that its objects hold: buffers above all. */
  readonly external: number;
  readonly arrayBuffers: number;
  readonly heapUsed: number;
  readonly rss: number;
  /** Microseconds of CPU, user and system. */
  readonly cpu: number;
}

export interface GatewayOptions {
  /** The address of a UmaDB server; none by default. */
  readonly umadb?: string;
  /** Beside `--listen`, `--umadb` and `--json`; `--allow-all` by default. */
  readonly args?: readonly string[];
  /** A fixed port, to come back on the same address. */
  readonly port?: number;
}

/** A gateway started by its command line, as its users start it. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Memory after a collection, and CPU. */
  usage(): Promise<Usage>;
  /** What it logged so far. */
  log(): string;
  /** Resolves to the exit code, `null` after a kill. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Answers questions about the process over its IPC channel. It is loaded before the program, which does not know of it.
 * Not kept alive by it: the program must still exit by itself.
 */
const PROBE = `
process.on("message", () => {
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const { external, arrayBuffers, heapUsed, rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    process.send({ external, arrayBuffers, heapUsed, rss, cpu: user + system });
  });
});
process.channel?.unref();
`;

const probeArguments = ["--expose-gc", "--import", `data:text/javascript,${encodeURIComponent(PROBE)}`];

/** The `millrace` command of the installed package. */
export function millraceCommand(): string {
  const manifest = createRequire(import.meta.url).resolve("millrace-server/package.json");
  return join(dirname(manifest), "dist/cli/main.js");
}

/** A Node program that can be asked for its {@link Usage}. */
export function spawnProbed(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...probeArguments, ...args], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
}

/** Asks a process of {@link spawnProbed}. */
export function usageOf(child: ChildProcess): Promise<Usage> {
  return new Promise((resolve, reject) => {
    child.once("message", (usage) => resolve(usage as Usage));
    child.send("usage", (error) => {
      if (error) reject(error);
    });
  });
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const args = ["gateway", "--listen", `127.0.0.1:${options.port ?? 0}`, ...(options.umadb === undefined ? [] : ["--umadb", options.umadb]), "--json", ...(options.args ?? ["--allow-all"])];
  const child = spawnProbed([millraceCommand(), ...args]);
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  let log = "";
  child.stderr?.on("data", (bytes: Buffer) => void (log += bytes.toString()));
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      process.off("exit", killWithUs);
      resolve(code);
    });
  });
  const url = await readyUrl(child, exited, () => log);
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? -1,
    usage: () => usageOf(child),
    log: () => log,
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return exited;
    },
  };
}

function readyUrl(child: ChildProcess, exited: Promise<number | null>, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes("\n")) resolve((JSON.parse(output) as { url: string }).url);
    });
    void exited.then((code) => reject(new Error(`The gateway ended with ${code} before it was ready:\n${log()}`)));
  });
}
