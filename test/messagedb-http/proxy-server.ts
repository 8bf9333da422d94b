import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayLog, type Limits, type MessageDbSettings } from "millrace-server/gateway";

/** A gateway in front of Message DB that listens. */
export interface ProxyServer {
  readonly url: string;
  readonly gateway: Gateway;
  close(): Promise<void>;
}

/** Serves Message DB; everything is allowed unless `allow` is given. */
export async function serveMessageDb(settings: MessageDbSettings, options: { log?: GatewayLog; limits?: Partial<Limits>; port?: number } = {}): Promise<ProxyServer> {
  const { log, limits, port = 0 } = options;
  const gateway = createGateway({
    upstreams: { messagedb: { allow: { read: true, write: true }, ...settings } },
    hosts: ["127.0.0.1"],
    origins: ["https://app.example"],
    log,
    limits: { drainMs: 500, ...limits },
  });
  const server = createServer({ highWaterMark: 64 * 1024 }, gateway.node);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    gateway,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await gateway.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
