import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "./certificate.js";
import { freePort } from "./free-port.js";

const LOCAL_COMMAND = fileURLToPath(new URL("../../.cache/venv/bin/umadb", import.meta.url));

/** The `umadb` server command: `MILLRACE_UMADB_BIN`, or the one that `npm run setup:test` installs. */
export function umadbCommand(): string {
  const command = process.env["MILLRACE_UMADB_BIN"] ?? LOCAL_COMMAND;
  if (!existsSync(command)) throw new Error(`No UmaDB server at ${command}: run \`npm run setup:test\`, or set MILLRACE_UMADB_BIN`);
  return command;
}

export interface UmaDbServerOptions {
  /** Switches authentication on. */
  apiKey?: string;
  /** Serve over TLS, with a certificate for 127.0.0.1 and localhost made for this server. */
  tls?: boolean;
  /** Further command line arguments. */
  args?: readonly string[];
}

/** A real UmaDB server of its own: free port on 127.0.0.1, temporary database. */
export interface UmaDbServer {
  /** `http://127.0.0.1:PORT`, or `https://…` with TLS. */
  readonly url: string;
  readonly port: number;
  readonly apiKey: string | undefined;
  /** The certificate authority to trust (PEM), with TLS. */
  readonly ca: string | undefined;
  /** The same as a file. */
  readonly caPath: string | undefined;
  /** The running process's id; another one after `restart()`. */
  readonly pid: number;
  /** What the server printed so far. */
  output(): string;
  /** Sends the signal and waits for the exit; the database and the port are kept. Resolves to the exit code, `null` after a kill. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same port and database; stops it first (SIGTERM) when it runs. */
  restart(): Promise<void>;
  /** Ends it, however it feels about it, and removes its files. */
  close(): Promise<void>;
}

/** Starts a real UmaDB server and waits until it serves. */
export async function startUmaDb(options: UmaDbServerOptions = {}): Promise<UmaDbServer> {
  const command = umadbCommand();
  const folder = await mkdtemp(join(tmpdir(), "millrace-umadb-"));
  const certificate = options.tls === true ? await makeCertificate(folder) : undefined;
  const ca = certificate && (await readFile(certificate.caPath, "utf8"));
  const argumentsOf = (port: number): string[] => [
    "--listen", `127.0.0.1:${port}`,
    "--db-path", join(folder, "uma.db"),
    ...(options.apiKey === undefined ? [] : ["--api-key", options.apiKey]),
    ...(certificate === undefined ? [] : ["--tls-cert", certificate.certPath, "--tls-key", certificate.keyPath]),
    ...(options.args ?? []),
  ];
  const urlOf = (port: number): string => `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const launch = (port: number): Promise<Running> => run(command, argumentsOf(port), urlOf(port), ca);

  let port = 0;
  let running: Running | undefined;
  for (let attempt = 0; running === undefined; attempt++) {
    port = await freePort();
    try {
      running = await launch(port);
    } catch (error) {
      // Between finding a port free and binding it, another process may have taken it.
      if (attempt < 5 && String(error).includes("failed to bind")) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
  let current = running;
  return {
    url: urlOf(port),
    port,
    apiKey: options.apiKey,
    ca,
    caPath: certificate?.caPath,
    get pid() {
      return current.child.pid ?? -1;
    },
    output: () => current.output(),
    stop: (signal = "SIGTERM") => end(current, signal),
    async restart() {
      await end(current, "SIGTERM");
      current = await launch(port);
    },
    async close() {
      await end(current, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  output(): string;
}

async function run(command: string, args: string[], url: string, ca: string | undefined): Promise<Running> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  let output = "";
  const collect = (bytes: Buffer): void => void (output += bytes.toString());
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      process.off("exit", killWithUs);
      resolve(code);
    });
  });
  const gone = exited.then((code) => {
    throw new Error(`umadb exited with code ${code} before it served:\n${output}`);
  });
  gone.catch(() => undefined);
  try {
    await Promise.race([gone, servesWithin(30_000, url, ca)]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return { child, exited, output: () => output };
}

async function end(running: Running, signal: NodeJS.Signals): Promise<number | null> {
  running.child.kill(signal);
  return running.exited;
}

async function servesWithin(ms: number, url: string, ca: string | undefined): Promise<void> {
  const deadline = Date.now() + ms;
  for (;;) {
    if (await isServing(url, ca)) return;
    if (Date.now() > deadline) throw new Error(`umadb at ${url} does not serve after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Asks the health service by hand, so that this file depends on nothing that it helps to test. */
function isServing(url: string, ca: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(url, ca === undefined ? {} : { ca });
    const finish = (serving: boolean): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(serving);
    };
    const timer = setTimeout(finish, 1_000, false);
    session.on("error", () => finish(false));
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => finish(false));
    stream.on("trailers", (trailers) => finish(trailers["grpc-status"] === "0"));
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
}
