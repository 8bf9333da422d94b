import { fetchCarrier, tunnelCarrier, type Carrier } from "millrace/carrier";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { WebSocket } from "ws";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

/** How a client reaches the store: by fetch or a tunnel through a gateway (no proxy is before that), or by native gRPC. */
export type Way = "fetch" | "tunnel" | "http2";

/** A real UmaDB, a gateway before it, and a fault proxy on each stretch of the way to either. */
export interface Paths {
  readonly server: UmaDbServer;
  /** Client to gateway, gateway to UmaDB, and client to UmaDB. */
  readonly proxies: { readonly front: FaultProxy; readonly upstream: FaultProxy; readonly native: FaultProxy };
  readonly gateway: ServedGateway;
  /** A client of its own that reaches the store through the proxies, and is impatient. */
  client(way: Way): UmaDb;
  /** A client that nothing befalls. */
  readonly store: UmaDb;
  /** Ends every client; the rest stays. */
  closeClients(): Promise<void>;
  close(): Promise<void>;
}

export interface PathOptions {
  /** What clients by fetch ask for, in milliseconds; the gateway's least by default, so that silence is noticed in 2.5 s. */
  heartbeatMs?: number;
  /** Of the gateway, in milliseconds. */
  stallMs?: number;
}

const RETRY = { baseMs: 5, maxMs: 20 } as const;

export async function startPaths({ heartbeatMs = 1_000, stallMs = 30_000 }: PathOptions = {}): Promise<Paths> {
  const server = await startUmaDb();
  const upstream = await startFaultProxy(server.url, "http2");
  const native = await startFaultProxy(server.url, "http2");
  const gateway = await serveGateway({ upstreams: { umadb: { url: upstream.url } }, limits: { stallMs } });
  const front = await startFaultProxy(gateway.url, "http1");
  const toStore = http2Carrier({ url: server.url });
  const store = new UmaDb({ carrier: toStore });
  const carriers: Readonly<Record<Way, () => Carrier>> = {
    fetch: () => fetchCarrier({ url: front.url, heartbeatMs, connectTimeoutMs: 1_000 }),
    tunnel: () => tunnelCarrier({ url: gateway.url, webSocket: WebSocket, connectTimeoutMs: 1_000 }),
    http2: () => http2Carrier({ url: native.url, connectTimeoutMs: 1_000 }),
  };
  const open: { close(): Promise<void> }[] = [];
  const closeClients = async (): Promise<void> => {
    for (const each of open.splice(0)) await each.close();
  };
  return {
    server,
    gateway,
    store,
    proxies: { front, upstream, native },
    client(way) {
      const carrier = carriers[way]();
      const client = new UmaDb({ carrier, connectTimeoutMs: 1_000, retry: RETRY });
      open.push(client, carrier);
      return client;
    },
    closeClients,
    async close() {
      await closeClients();
      for (const each of [store, toStore, front, gateway, upstream, native, server]) await each.close();
    },
  };
}
