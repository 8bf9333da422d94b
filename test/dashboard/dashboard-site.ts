import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGateway, type Gateway, type GatewayOptions, type Page as StaticPage } from "millrace-server/gateway";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CONTENT_TYPES: Readonly<Record<string, string>> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** The dashboard built from its sources, as a gateway serves it. */
export async function buildDashboard(): Promise<ReadonlyMap<string, StaticPage>> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-dashboard-"));
  try {
    await build({
      root: join(ROOT, "server/dashboard"),
      logLevel: "error",
      build: { outDir: folder },
      resolve: {
        alias: [
          { find: /^millrace$/, replacement: join(ROOT, "src/index.ts") },
          { find: /^millrace\/(umadb|messagedb)$/, replacement: join(ROOT, "src/$1/index.ts") },
        ],
      },
    });
    return await readPages(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readPages(folder: string): Promise<Map<string, StaticPage>> {
  const pages = new Map<string, StaticPage>();
  for (const file of await readdir(folder, { recursive: true })) {
    const contentType = CONTENT_TYPES[extname(file)];
    if (contentType === undefined) continue;
    pages.set(file === "index.html" ? "/" : `/${file}`, { contentType, body: await readFile(join(folder, file)), immutable: file !== "index.html" });
  }
  return pages;
}

/** Development mode; or only pages of its own origin, whose calls it refuses for want of a policy; or no page at all. */
export type Admits = "everything" | "own page" | "no page";

/** A gateway with the dashboard, on a port of its own that it keeps when it is stopped and started. */
export class DashboardSite {
  readonly url: string;
  readonly #pages: ReadonlyMap<string, StaticPage>;
  readonly #umadb: string;
  readonly #admits: Admits;
  readonly #messagedb: string | undefined;
  readonly #port: number;
  #running: { readonly server: Server; readonly gateway: Gateway } | undefined;

  private constructor(pages: ReadonlyMap<string, StaticPage>, umadb: string, admits: Admits, messagedb: string | undefined, port: number) {
    this.#pages = pages;
    this.#umadb = umadb;
    this.#admits = admits;
    this.#messagedb = messagedb;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}/`;
  }

  static async open(pages: ReadonlyMap<string, StaticPage>, umadb: string, admits: Admits = "everything", messagedb?: string): Promise<DashboardSite> {
    const probe = await listen(createServer(), 0);
    const { port } = probe.address() as AddressInfo;
    await close(probe);
    const site = new DashboardSite(pages, umadb, admits, messagedb, port);
    await site.start();
    return site;
  }

  async start(): Promise<void> {
    const gateway = createGateway({ upstreams: { umadb: { url: this.#umadb }, ...(this.#messagedb !== undefined && { messagedb: { url: this.#messagedb } }) }, pages: this.#pages, ...this.#admission() });
    const server = await listen(createServer((request, response) => gateway.node(request, response)), this.#port);
    this.#running = { server, gateway };
  }

  #admission(): Pick<GatewayOptions, "allowAll" | "hosts" | "origins"> {
    if (this.#admits === "everything") return { allowAll: true };
    const host = `127.0.0.1:${this.#port}`;
    return { hosts: [host], origins: this.#admits === "own page" ? [`http://${host}`] : [] };
  }

  /** The gateway is gone as after a crash: connections break. */
  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    const { server, gateway } = this.#running;
    this.#running = undefined;
    const closed = close(server);
    server.closeAllConnections();
    await closed;
    await gateway.close();
  }
}

function listen(server: Server, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
