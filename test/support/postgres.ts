import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { messageDbSql } from "../../server/embedded/messagedb/install-sql.js";
import { freePort } from "./free-port.js";

const CACHE = fileURLToPath(new URL("../../.cache/", import.meta.url));
const DEBIAN = "/usr/lib/postgresql";

/** The folder with `postgres` and `initdb`: `MILLRACE_POSTGRES_BIN`, or the newest that Debian's packages brought. */
export function postgresFolder(): string {
  const given = process.env["MILLRACE_POSTGRES_BIN"];
  const versions = given === undefined && existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folder = given ?? versions.map((version) => join(DEBIAN, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
  if (folder === undefined) throw new Error("No PostgreSQL: run `npm run setup:test`, or set MILLRACE_POSTGRES_BIN");
  return folder;
}

/** A real PostgreSQL of its own with Message DB in it: a free port on 127.0.0.1, a temporary folder, everybody trusted. */
export interface PostgresServer {
  readonly port: number;
  /** The running process's id; another one after `restart()`. */
  readonly pid: number;
  /** Its address for a role and a database, both `message_store` by default. */
  url(options?: { user?: string; database?: string }): string;
  /** Runs SQL as the superuser, in `message_store` by default, and answers with the rows of the last statement. */
  admin(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** An empty Message DB of another name beside the others. */
  createDatabase(name: string): Promise<void>;
  /** Sends the signal and waits for the exit; `SIGINT` ends sessions and closes well, `SIGQUIT` is a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data; stops it first when it runs. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** @param args Further settings, such as `-c track_functions=pl`. */
export async function startPostgres(args: readonly string[] = []): Promise<PostgresServer> {
  const folder = await ownFolder();
  const data = join(folder, "data");
  cpSync(await template(), data, { recursive: true });
  giveAway(data);
  const port = await freePort();
  let running = await launch(data, port, args);
  const url: PostgresServer["url"] = ({ user = "message_store", database = "message_store" } = {}) => `postgres://${user}@127.0.0.1:${port}/${database}`;
  const admin: PostgresServer["admin"] = (sql, database) => asAdmin(url({ user: "postgres", ...(database !== undefined && { database }) }), sql);
  return {
    port,
    get pid() { return running.pid ?? -1; },
    url,
    admin,
    async createDatabase(name) { await admin(`CREATE DATABASE ${name} TEMPLATE message_store_empty`, "postgres"); },
    stop: (signal = "SIGINT") => end(running, signal),
    async restart() {
      await end(running, "SIGINT");
      running = await launch(data, port, args);
    },
    async close() {
      await end(running, "SIGQUIT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function asAdmin(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = postgres(url, { max: 1, onnotice: () => {}, connection: { search_path: "message_store, public" } });
  try {
    const results: unknown = await client.unsafe(sql);
    const last: unknown = Array.isArray(results) && Array.isArray(results.at(-1)) ? results.at(-1) : results;
    return [...(last as Iterable<Record<string, unknown>>)];
  } finally {
    await client.end();
  }
}

/** PostgreSQL refuses to run as root: then it is Debian's own user that runs it. */
const owner = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;

function idOf(flag: "-u" | "-g"): number {
  const { stdout, status } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
  // `nobody` will do where another package than Debian's brought the server.
  return status === 0 ? Number(stdout.trim()) : 65_534;
}

async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-postgres-"));
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  return folder;
}

function giveAway(path: string): void {
  if (owner === undefined) return;
  for (const entry of ["", ...readdirSync(path, { recursive: true, encoding: "utf8" })]) chownSync(join(path, entry), owner.uid, owner.gid);
}

/** The data folder of a server that Message DB was installed in and that was closed well; made once for each version. */
async function template(): Promise<string> {
  const bin = postgresFolder();
  const version = spawnSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" }).stdout.replaceAll(/[^\d.]+/g, "-");
  const kept = join(CACHE, `postgres${version}1.3.1`);
  if (existsSync(kept)) return kept;
  const folder = await ownFolder();
  const data = join(folder, "data");
  try {
    // Not to be slowed down by the disk: nothing here must survive the machine.
    const { status, stderr } = spawnSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"], { encoding: "utf8", cwd: folder, ...owner });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    const port = await freePort();
    const running = await launch(data, port, []);
    const url = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;
    await asAdmin(url("postgres"), "CREATE DATABASE message_store_empty");
    await asAdmin(url("message_store_empty"), await messageDbSql());
    await asAdmin(url("postgres"), "CREATE DATABASE message_store TEMPLATE message_store_empty");
    await end(running, "SIGINT");
    mkdirSync(CACHE, { recursive: true });
    const copied = `${kept}.${process.pid}`;
    cpSync(data, copied, { recursive: true });
    try {
      renameSync(copied, kept);
    } catch {
      // Another run was quicker.
      rmSync(copied, { recursive: true, force: true });
    }
    return kept;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function launch(data: string, port: number, args: readonly string[]): Promise<ChildProcess> {
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "shared_buffers=32MB", "max_connections=100"];
  const child = spawn(
    join(postgresFolder(), "postgres"),
    ["-D", data, ...settings.flatMap((setting) => ["-c", setting]), ...args],
    { stdio: ["ignore", "ignore", "pipe"], cwd: data, ...owner },
  );
  const killWithUs = (): void => void child.kill("SIGQUIT");
  process.once("exit", killWithUs);
  let output = "";
  child.stderr?.on("data", (bytes: Buffer) => { output = `${output}${bytes.toString()}`.slice(-10_000); });
  child.once("exit", () => process.off("exit", killWithUs));
  const deadline = Date.now() + 30_000;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGQUIT");
      throw new Error(`PostgreSQL does not serve:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

async function answers(port: number): Promise<boolean> {
  try {
    await asAdmin(`postgres://postgres@127.0.0.1:${port}/postgres`, "SELECT 1");
    return true;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await exited;
}
