import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";

/** Where the server's command is looked for below a checkout of this repository; this file is server/dist/cli there. */
const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** How long a server may take from its start until it serves. */
const START_MS = 30_000;
/** How long a server may take to end after SIGTERM. */
const STOP_MS = 3_000;

/** A UmaDB server that this process started. */
export interface UmaDbProcess {
  /** `http://HOST:PORT` */
  readonly url: string;
  /** `HOST:PORT`, as other clients of UmaDB want it. */
  readonly address: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** Ends the server and removes a temporary database. Idempotent. */
  stop(): Promise<void>;
}

export interface StartUmaDbOptions {
  /** The server's command; see {@link findUmaDb}. */
  readonly command: string;
  /** A folder for the database, made if it is not there; a temporary one by default. */
  readonly dataDir?: string | undefined;
  /** `IP:PORT` to listen on; a free port of 127.0.0.1 by default. */
  readonly listen?: string | undefined;
}

/**
 * The `umadb` server command: `MILLRACE_UMADB_BIN`, or the one that this repository's set-up installed, or one on the
 * PATH; `undefined` when there is none.
 */
export function findUmaDb(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env["MILLRACE_UMADB_BIN"];
  if (named !== undefined && named !== "") return existsSync(named) ? named : undefined;
  const folders = [join(CHECKOUT, ".cache/venv/bin"), ...(env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")];
  return folders.map((folder) => join(folder, "umadb")).find((file) => existsSync(file));
}

/** Starts a server and waits until it serves. Whatever ends this process ends the server too. */
export async function startUmaDb({ command, dataDir, listen }: StartUmaDbOptions): Promise<UmaDbProcess> {
  const temporary = dataDir === undefined ? await mkdtemp(join(tmpdir(), "millrace-dev-")) : undefined;
  const folder = dataDir ?? temporary!;
  await mkdir(folder, { recursive: true });
  const cleanUp = async (): Promise<void> => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  // Between finding a port free and binding it, another process may take it.
  for (let attempt = 1; ; attempt++) {
    const address = listen ?? `127.0.0.1:${await freePort()}`;
    const running = run(command, ["--listen", address, "--db-path", join(folder, "uma.db")]);
    try {
      await serving(address, running);
      const stop = async (): Promise<void> => {
        await end(running);
        await cleanUp();
      };
      return { url: `http://${address}`, address, exited: running.exited, stop };
    } catch (error) {
      await end(running);
      if (listen === undefined && attempt < 5 && running.output().includes("failed to bind")) continue;
      await cleanUp();
      throw error;
    }
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  hasExited(): boolean;
  output(): string;
}

function run(command: string, args: readonly string[]): Running {
  const [file, fileArgs] = boundToThisProcess(command, args);
  const child = spawn(file, fileArgs, { stdio: ["ignore", "pipe", "pipe"] });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  let output = "";
  const collect = (bytes: Buffer): void => void (output = (output + bytes.toString()).slice(-4_096));
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    const finish = (): void => {
      ended = true;
      process.off("exit", killWithUs);
      resolve();
    };
    child.once("exit", finish);
    child.once("error", (error) => {
      output += error.message;
      finish();
    });
  });
  return { child, exited, hasExited: () => ended, output: () => output.trim() };
}

/** On Linux the kernel ends the server also when this process is killed and can no longer do it itself. */
function boundToThisProcess(command: string, args: readonly string[]): [file: string, args: string[]] {
  const setpriv = "/usr/bin/setpriv";
  if (process.platform !== "linux" || !existsSync(setpriv)) return [command, [...args]];
  return [setpriv, ["--pdeathsig", "TERM", "--", command, ...args]];
}

async function serving(address: string, running: Running): Promise<void> {
  const carrier = http2Carrier({ url: `http://${address}` });
  const db = new UmaDb({ carrier, retry: false });
  const deadline = Date.now() + START_MS;
  try {
    while (!(await answers(db))) {
      if (running.hasExited()) throw new Error(`UmaDB ended before it served: ${running.output()}`);
      if (Date.now() > deadline) throw new Error(`UmaDB does not serve ${START_MS / 1_000} s after its start: ${running.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  } finally {
    await db.close();
    await carrier.close();
  }
}

async function answers(db: UmaDb): Promise<boolean> {
  try {
    return (await db.health({ timeoutMs: 1_000 })).status === "serving";
  } catch {
    return false;
  }
}

async function end({ child, exited, hasExited }: Running): Promise<void> {
  if (hasExited()) return;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(late);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
