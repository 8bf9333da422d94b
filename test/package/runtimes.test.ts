import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.js";
import { install, type Installed, pack, type Packed } from "../support/packed.js";
import { type Running, RUNTIMES, type Runtime, start } from "../support/runtimes.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { startWebServer, type WebServer } from "../support/web-server.js";

/** Before anybody follows, and while somebody does. */
const STORED = 3;
const LIVE = 5;
const PATIENCE_MS = 40_000;
/** Node's own, and what needs a peer that not everybody has. */
const NOT_EVERYWHERE = /\/(http2|direct|connect|internal\/.*|package\.json)$/;
/** Of the server, what runs in a page too; and the rest, for runtimes that have Node's modules. */
const EMBEDDED = "millrace-server/embedded";
const LIKE_NODE: Partial<Record<Runtime, readonly string[]>> = Object.fromEntries(
  ["Node 20", "Node 24", "Deno", "Bun"].map((runtime) => [runtime, ["millrace/carrier/http2", "millrace-server", "millrace-server/gateway", "millrace-server/embedded/node"]]),
);

/** What a program tells of itself. */
interface Report {
  readonly live?: true;
  readonly done?: { readonly positions: string[]; readonly agent: string; readonly modules: number };
  readonly failed?: string;
}

let packed: Packed;
let user: Installed;
let umadb: UmaDbServer;
let gateway: GatewayCommand;
let web: WebServer;
let writer: UmaDb;
const scripts = new Map<string, string>();
const listeners = new Map<string, (report: Report) => void>();
const table: string[] = [];

beforeAll(async () => {
  packed = await pack();
  user = await install([packed.millrace.tarball, packed.server.tarball]);
  umadb = await startUmaDb();
  gateway = await startGatewayCommand(["--allow-all", "--umadb", umadb.url]);
  writer = new UmaDb({ url: gateway.url });
  web = await startWebServer(async (response, { path, body }) => {
    response.setHeader("access-control-allow-origin", "*");
    const name = decodeURIComponent(path.split("/")[2] ?? "");
    if (path.startsWith("/page/")) response.setHeader("content-type", "text/html").end(`<script type="module" src="/script/${encodeURIComponent(name)}"></script>`);
    else if (path.startsWith("/script/")) response.setHeader("content-type", "text/javascript").end(scripts.get(name));
    else {
      const text = String(await body);
      if (path.startsWith("/report/")) listeners.get(name)?.(JSON.parse(text) as Report);
      response.end();
    }
  });
}, 120_000);

afterAll(async () => {
  console.log(["", ...table, `${table.length} of ${RUNTIMES.length} runtimes import the tarball and follow a live stream through the gateway`].join("\n"));
  await writer?.close();
  await web?.close();
  await gateway?.close();
  await umadb?.close();
  await user?.close();
  await packed?.close();
});

/** What a runtime can import of both packages. */
function namesFor(runtime: Runtime): string[] {
  const exported = Object.keys(packed.millrace.manifest["exports"] as object).filter((subpath) => !NOT_EVERYWHERE.test(subpath));
  return [...exported.map((subpath) => `millrace${subpath.slice(1)}`), EMBEDDED, ...(LIKE_NODE[runtime] ?? [])];
}

/** A module that imports the packages by name, follows a tag until it has seen what there will be, and tells about it. */
function sourceOf(id: string, runtime: Runtime, carrier: "auto" | "fetch", tag: string): string {
  const names = namesFor(runtime);
  const imports = names.map((name, index) => `import * as module${index} from ${JSON.stringify(name)};`);
  return `${imports.join("\n")}
import { UmaDb } from "millrace/umadb";
import { fetchCarrier } from "millrace/carrier";
const modules = [${names.map((_, index) => `module${index}`).join(", ")}];
const tell = (report) => fetch(${JSON.stringify(`${web.url}/report/${encodeURIComponent(id)}`)}, { method: "POST", body: JSON.stringify(report) });
async function follow() {
  const url = ${JSON.stringify(gateway.url)};
  const db = new UmaDb(${carrier === "auto" ? "{ url }" : "{ carrier: fetchCarrier({ url }) }"});
  const following = db.subscribe({ items: [{ tags: [${JSON.stringify(tag)}] }] });
  following.onStateChange(({ kind }) => { if (kind === "live") void tell({ live: true }); });
  const positions = [];
  for await (const { position } of following) {
    positions.push(String(position));
    if (positions.length === ${STORED + LIVE}) break;
  }
  await db.close();
  const agent = globalThis.navigator?.userAgent ?? "Node.js " + process.version;
  await tell({ done: { positions, agent, modules: modules.filter((module) => Object.keys(module).length > 0).length } });
}
const main = () => follow().catch((error) => tell({ failed: String(error?.stack ?? error) }));
await main();
`;
}

/** Appends events with a tag and answers their positions. */
async function append(tag: string, count: number): Promise<string[]> {
  const last = await writer.append(Array.from({ length: count }, () => ({ type: "Seen", tags: [tag], data: new Uint8Array(3) })));
  return Array.from({ length: count }, (_, index) => String(last - BigInt(count - 1 - index)));
}

/** The reports of one program: when it is live, and how it ended. */
function reportsOf(id: string): { live: Promise<void>; done: Promise<NonNullable<Report["done"]>> } {
  let isLive = (): void => undefined;
  const live = new Promise<void>((resolve) => (isLive = resolve));
  const done = new Promise<NonNullable<Report["done"]>>((resolve, reject) => {
    listeners.set(id, (report) => {
      if (report.live === true) isLive();
      if (report.done !== undefined) resolve(report.done);
      if (report.failed !== undefined) reject(new Error(report.failed));
    });
  });
  done.catch(() => undefined);
  return { live, done };
}

/** Runs one program to its end; appends more, one and then some, as soon as it says that it is live. */
async function followed(runtime: Runtime, carrier: "auto" | "fetch"): Promise<{ expected: string[]; done: NonNullable<Report["done"]>; ms: number }> {
  const id = `${runtime} by ${carrier}`;
  const tag = `${id}:${Math.random().toString(36).slice(2)}`;
  const stored = await append(tag, STORED);
  const { live, done } = reportsOf(id);
  const publish = (script: string): string => {
    scripts.set(id, script);
    return `${web.url}/page/${encodeURIComponent(id)}`;
  };
  const startedAt = Date.now();
  const running: Running = await start(runtime, { folder: user.folder, source: sourceOf(id, runtime, carrier, tag), publish });
  const expected = async (): Promise<string[]> => {
    await live;
    return [...stored, ...(await append(tag, 1)), ...(await append(tag, LIVE - 1))];
  };
  try {
    const [all, seen] = await within(PATIENCE_MS, Promise.all([expected(), done]), () => `${id} does not come to its end: ${running.output()}`);
    return { expected: all, done: seen, ms: Date.now() - startedAt };
  } finally {
    listeners.delete(id);
    await running.close();
  }
}

async function within<T>(ms: number, promise: Promise<T>, text: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Error(text())), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

describe("the packed packages, imported by name", () => {
  it.each(RUNTIMES)("load, and follow a live stream through the gateway in %s, by the client's own choice of carrier and by fetch", async (runtime) => {
    const auto = await followed(runtime, "auto");
    expect(auto.done.positions).toEqual(auto.expected);
    const byFetch = await followed(runtime, "fetch");
    expect(byFetch.done.positions).toEqual(byFetch.expected);
    const { agent, modules } = auto.done;
    expect(modules).toBe(namesFor(runtime).length);
    table.push(`${runtime.padEnd(8)}  imports ${String(modules).padStart(2)} modules, follows ${STORED + LIVE} events: by auto in ${auto.ms} ms, by fetch in ${byFetch.ms} ms (${agent})`);
  }, 2 * PATIENCE_MS + 20_000);
});
