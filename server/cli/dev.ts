import { UmaDb } from "millrace/umadb";
import { streamDemoEvents } from "../demo/stream.js";
import { lazyMessageDb } from "../embedded/messagedb/lazy.js";
import { listenEmbedded, type ListeningEmbedded } from "../embedded/node.js";
import type { GatewayOptions, MessageDbSettings } from "../gateway/index.js";
import { resolveGatewayOptions } from "../gateway/options.js";
import { ConfigError } from "./config-error.js";
import { dashboardFolder, readPages } from "./dashboard-pages.js";
import { DEV_USAGE, parseDevFlags, type DevFlags } from "./dev-flags.js";
import { isLoopback, parseListen, type ListenAddress } from "./listen-address.js";
import { standardErrorLog } from "./log.js";
import { serveGateway, type RunningGateway } from "./serve.js";
import { terminated } from "./terminated.js";
import { findUmaDb, startUmaDb } from "./umadb-process.js";

const DEFAULT_LISTEN = "127.0.0.1:8080";

const NO_UMADB = `There is no umadb server command on this machine. Install it with
  pip install umadb==0.7.8
in a Python environment whose bin folder is on the PATH (in a checkout of this repository,
"node scripts/setup-test.mjs --only umadb" does it), name the command in MILLRACE_UMADB_BIN,
give a server that runs already with --umadb URL, or leave out --real-umadb: the embedded
UmaDB needs nothing`;

/**
 * `millrace dev`: a UmaDB, a Message DB, a gateway in development mode with the dashboard, and a stream of events, until
 * SIGTERM or SIGINT ends all of them.
 *
 * @returns The exit code: 0 when it was asked to end, 1 when the server that it started ended by itself.
 * @throws {ConfigError}
 */
export async function devCommand(args: readonly string[]): Promise<number> {
  const flags = parseDevFlags(args);
  if (flags.help) {
    process.stdout.write(DEV_USAGE);
    return 0;
  }
  const listen = loopback(flags.listen ?? DEFAULT_LISTEN);
  const pages = readPages(dashboardFolder());
  const end = terminated();
  const messagedb = await openMessageDb(flags);
  const store = await openStore(flags);
  const eventstoredb = await openEventStoreDb(flags);
  try {
    const log = standardErrorLog("warn");
    const upstreams = { umadb: { url: store.url }, messagedb, ...(eventstoredb && { eventstoredb: { url: eventstoredb.url } }) };
    const options = { upstreams, allowAll: true, pages, log };
    const native = { umadb: store.address, ...(eventstoredb && { eventstoredb: eventstoredb.address }) };
    return await run(flags, await serve(listen, flags.listen === undefined, options), store, native, end);
  } finally {
    await store.stop();
    await eventstoredb?.close();
    await messagedb.database?.close();
  }
}

/** Opened at the start only where it is kept, so that a folder which another has open is told of at once. */
async function openMessageDb({ messageDb, data }: DevFlags): Promise<MessageDbSettings> {
  if (messageDb !== undefined) return { url: messageDb };
  const database = lazyMessageDb({ dataDir: data });
  try {
    if (data !== undefined) await database.open();
  } catch (error) {
    throw new ConfigError(`--data: ${(error as Error).message}`);
  }
  return { database };
}

/** The UmaDB that the gateway stands in front of. */
interface Store {
  readonly url: string;
  /** `HOST:PORT`, as UmaDB's own clients want it. */
  readonly address: string;
  /** Whether nobody else can have put anything into it. */
  readonly own: boolean;
  /** Resolves when its process, where it is one of its own, has ended, whoever ended it. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

async function openStore(flags: DevFlags): Promise<Store> {
  const { umadb, realUmaDb, nativeUmaDb } = flags;
  if (umadb !== undefined) {
    const address = URL.canParse(umadb) ? new URL(umadb).host : umadb;
    return { url: umadb, address, own: false, exited: never(), async stop() {} };
  }
  if (realUmaDb) return startServer(flags);
  try {
    const server = await listenEmbedded({ systems: ["umadb"], listen: nativeUmaDb });
    return { url: server.url, address: server.address, own: true, exited: never(), stop: () => server.close() };
  } catch (error) {
    throw new ConfigError(`--native-umadb: ${(error as Error).message.replaceAll("`", "")}`);
  }
}

/** Only where an address is given for it. */
async function openEventStoreDb({ nativeEventStoreDb }: DevFlags): Promise<ListeningEmbedded | undefined> {
  if (nativeEventStoreDb === undefined) return undefined;
  try {
    return await listenEmbedded({ systems: ["eventstoredb"], listen: nativeEventStoreDb });
  } catch (error) {
    throw new ConfigError(`--native-eventstoredb: ${(error as Error).message.replaceAll("`", "")}`);
  }
}

/** Where the stores listen for their own clients, as `HOST:PORT`. */
interface NativeAddresses {
  readonly umadb: string;
  readonly eventstoredb?: string;
}

/** For what cannot end by itself. */
function never(): Promise<void> {
  return new Promise(() => {});
}

async function run(flags: DevFlags, gateway: RunningGateway, store: Store, native: NativeAddresses, end: Promise<unknown>): Promise<number> {
  const db = new UmaDb({ url: gateway.url });
  const leaving = new AbortController();
  const streaming = flags.demo ?? (store.own || (await isEmpty(db)));
  const stream = streaming ? streamDemoEvents(db, { signal: leaving.signal, onTrouble: warn }) : Promise.resolve();
  announce(flags, gateway.url, native, streaming);
  const wasAsked = await Promise.race([end.then(() => true), store.exited.then(() => false)]);
  leaving.abort();
  await stream;
  await db.close();
  await gateway.close();
  if (!wasAsked) process.stderr.write("millrace: the UmaDB server has ended by itself\n");
  return wasAsked ? 0 : 1;
}

async function startServer({ data, nativeUmaDb }: DevFlags): Promise<Store> {
  const command = findUmaDb();
  if (command === undefined) throw new ConfigError(NO_UMADB);
  try {
    const server = await startUmaDb({ command, dataDir: data, listen: nativeUmaDb });
    return { ...server, own: true };
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

/** A port that was not asked for by number may be another one. */
async function serve(listen: ListenAddress, anyPort: boolean, options: GatewayOptions): Promise<RunningGateway> {
  checkOptions(options);
  try {
    return await serveGateway({ listen, options });
  } catch (error) {
    if (!anyPort || !(error instanceof ConfigError) || !error.message.includes("EADDRINUSE")) throw error;
    return serveGateway({ listen: { ...listen, port: 0 }, options });
  }
}

function checkOptions(options: GatewayOptions): void {
  try {
    resolveGatewayOptions(options);
  } catch (error) {
    throw new ConfigError((error as Error).message.replaceAll("`", "").replace("upstreams.umadb.url", "--umadb").replace("upstreams.messagedb.url", "--messagedb"));
  }
}

function loopback(text: string): ListenAddress {
  const listen = parseListen(text);
  if (isLoopback(listen)) return listen;
  throw new ConfigError("listen: millrace dev lets everybody do everything, so it needs a loopback address, such as 127.0.0.1:8080");
}

/** Nobody's events are mixed with made-up ones unasked. A server that does not answer yet is not known to be empty. */
async function isEmpty(db: UmaDb): Promise<boolean> {
  try {
    return (await db.head({ timeoutMs: 5_000 })) === undefined;
  } catch {
    return false;
  }
}

function announce({ json }: DevFlags, url: string, native: NativeAddresses, streaming: boolean): void {
  const dashboard = `${url}/`;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ready: true, url, native, dashboard, demo: streaming })}\n`);
    return;
  }
  process.stdout.write(`
  Millrace development server

  Dashboard   ${dashboard}
  Gateway     ${url}   for pages: new UmaDb({ url: "${url}" })
              or new MessageDb({ url: "${url}" })
  UmaDB       ${native.umadb}   for its own clients
${native.eventstoredb === undefined ? "" : `  EventStoreDB ${native.eventstoredb}   for its own clients\n`}  Events      ${streaming ? "orders of a small bakery arrive by themselves (--no-demo leaves them out)" : "none are made up here"}

  Every page and program of this machine may do everything here. Ctrl+C ends it.

`);
}

function warn(error: unknown): void {
  process.stderr.write(`millrace: the demo's events are not recorded: ${error instanceof Error ? error.message : "unknown reason"}\n`);
}
