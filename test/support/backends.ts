import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type UpstreamSettings } from "millrace-server/gateway";
import { http2Carrier } from "millrace/carrier/http2";
import type { UmaDbOptions } from "millrace/umadb";
import type { UmaDbBackend } from "../spec/umadb.js";
import { startUmaDb, type UmaDbServer, type UmaDbServerOptions } from "./umadb.js";

/** A gateway of this process in front of a UmaDB. */
export interface LocalGateway {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a gateway for `server` on a free port of 127.0.0.1, open to everybody on this machine. */
export async function startGateway(server: Pick<UmaDbServer, "url" | "ca" | "apiKey">, settings: Partial<UpstreamSettings> = {}): Promise<LocalGateway> {
  const { url, ca, apiKey } = server;
  const gateway = createGateway({
    upstreams: { umadb: { url, ca, apiKey, allowInsecureApiKey: true, ...settings } },
    allowAll: true,
  });
  const front = createServer((request, response) => gateway.node(request, response));
  front.on("upgrade", gateway.upgrade);
  const port = await listen(front);
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await gateway.close();
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

/** Something that a test must close. */
export interface Closing {
  close(): Promise<void>;
}

/** A way to a server: what a client's options are, and what to close after it. */
export type Way = (server: UmaDbServer) => Promise<{ options: UmaDbOptions; close(): Promise<void> }>;

/** By the platform's fetch, through a gateway. */
export const throughGateway: Way = async (server) => {
  const gateway = await startGateway(server);
  return { options: { url: gateway.url }, close: () => gateway.close() };
};

/** By native gRPC, without a gateway. */
export const direct: Way = async ({ url, ca, apiKey }) => {
  const carrier = http2Carrier({ url, ca, apiKey, allowInsecureApiKey: true });
  return { options: { carrier }, close: () => carrier.close() };
};

/** A backend with real servers: one that all tests share until `close()`, and one of its own for each that asks. */
export function realBackend(name: string, way: Way, options: UmaDbServerOptions = {}): UmaDbBackend & Closing {
  const open: Closing[] = [];
  const start = async (): Promise<{ options: UmaDbOptions; close(): Promise<void> }> => {
    const server = await startUmaDb(options);
    const found = await way(server);
    return {
      options: found.options,
      async close() {
        await found.close();
        await server.close();
      },
    };
  };
  return {
    name,
    async shared() {
      const store = await start();
      open.push(store);
      return store.options;
    },
    fresh: start,
    async close() {
      for (const store of open.splice(0)) await store.close();
    },
  };
}
