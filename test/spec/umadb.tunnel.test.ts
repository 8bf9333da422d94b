import { afterAll } from "vitest";
import { realBackend, startGateway, type Way } from "../support/backends.js";
import { openTunnel } from "../tunnel/support.js";
import { umadbSpec } from "./umadb.js";

const throughTunnel: Way = async (server) => {
  const gateway = await startGateway(server);
  const carrier = openTunnel(gateway.url);
  return {
    options: { carrier },
    async close() {
      await carrier.close();
      await gateway.close();
    },
  };
};

const backend = realBackend("by the tunnel through the gateway", throughTunnel);
umadbSpec(backend);
afterAll(() => backend.close());
