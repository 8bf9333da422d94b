import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startGateway } from "./backends.js";
import { startUmaDb } from "./umadb.js";

/** Hands out stores to tests that run where no process can be started. */
export interface StoresServer {
  readonly url: string;
  /** Ends every store that was handed out. */
  close(): Promise<void>;
}

/** Where a store is reached. */
export interface StoreUrls {
  /** A gateway of its own. */
  readonly gatewayUrl: string;
  /** The UmaDB itself, which speaks native gRPC only. */
  readonly umadbUrl: string;
}

interface Store {
  readonly urls: StoreUrls;
  close(): Promise<void>;
}

/**
 * Serves on a free port of 127.0.0.1: `POST /shared` answers a store's {@link StoreUrls}, the same each time; `POST /fresh` adds
 * the `id` of an empty store, which `POST /close?ID` ends.
 */
export async function serveStores(): Promise<StoresServer> {
  const fresh = new Map<string, Store>();
  let shared: Promise<Store> | undefined;
  let ids = 0;

  const answer = async (path: string): Promise<object> => {
    if (path === "/shared") {
      shared ??= startStore();
      return (await shared).urls;
    }
    if (path === "/fresh") {
      const store = await startStore();
      const id = String(++ids);
      fresh.set(id, store);
      return { id, ...store.urls };
    }
    const id = path.replace("/close?", "");
    const store = fresh.get(id);
    if (store === undefined) throw new Error(`There is no ${path}`);
    fresh.delete(id);
    await store.close();
    return {};
  };

  const server = createServer((request, response) => void respond(request, response, answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      for (const store of fresh.values()) await store.close();
      await (await shared)?.close();
    },
  };
}

/** Any page may ask: these are a test's own stores, for as long as it runs. */
async function respond(request: IncomingMessage, response: ServerResponse, answer: (path: string) => Promise<object>): Promise<void> {
  response.setHeader("access-control-allow-origin", "*");
  request.resume();
  try {
    response.end(JSON.stringify(await answer(request.url ?? "")));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

async function startStore(): Promise<Store> {
  const umadb = await startUmaDb();
  const gateway = await startGateway(umadb);
  return {
    urls: { gatewayUrl: gateway.url, umadbUrl: umadb.url },
    async close() {
      await gateway.close();
      await umadb.close();
    },
  };
}
