import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { connectCarrier, DCB, Health } from "millrace/connect";
import { afterAll } from "vitest";
import { realBackend, startGateway, type Way } from "../support/backends.js";
import { umadbSpec } from "./umadb.js";

/** By a stock transport of Connect, through a gateway. */
const byConnectWeb: Way = async (server) => {
  const gateway = await startGateway(server);
  const carrier = connectCarrier(createGrpcWebTransport({ baseUrl: gateway.url }), [DCB, Health]);
  return {
    options: { carrier },
    async close() {
      await carrier.close();
      await gateway.close();
    },
  };
};

const backend = realBackend("by stock connect-web through the gateway", byConnectWeb);
umadbSpec(backend);
afterAll(() => backend.close());
