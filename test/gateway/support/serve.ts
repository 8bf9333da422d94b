import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayOptions } from "millrace-server/gateway";

/** A gateway that listens on a free port of 127.0.0.1. */
export interface ServedGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  close(): Promise<void>;
}

/** Serves a gateway over HTTP/1.1; `allowAll` unless the options say otherwise. @param at The port; any by default. */
export async function serveGateway(options: GatewayOptions, at = 0): Promise<ServedGateway> {
  const gateway = createGateway({ allowAll: options.policy === undefined, ...options });
  const server = createServer({ maxHeaderSize: 64 * 1024 }, gateway.node);
  server.on("upgrade", gateway.upgrade);
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    gateway,
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      await gateway.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
