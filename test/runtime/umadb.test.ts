import { startEmbedded } from "millrace-server/embedded";
import { fetchCarrier, tunnelCarrier, type Carrier } from "millrace/carrier";
import { inject } from "vitest";
import { umadbSpec, type FreshStore, type UmaDbBackend } from "../spec/umadb.js";
import { freshStore, sharedGatewayUrl } from "./stores.js";

/** A real UmaDB through a gateway. */
function throughGateway(name: string, open: (url: string) => Carrier): UmaDbBackend {
  return {
    name: `${name} through the gateway`,
    shared: async () => ({ carrier: open(await sharedGatewayUrl()) }),
    async fresh() {
      const { gatewayUrl, close } = await freshStore();
      const carrier = open(gatewayUrl);
      return {
        options: { carrier },
        async close() {
          await carrier.close();
          await close();
        },
      };
    },
  };
}

/** A store in memory, in the runtime itself. */
async function embedded(): Promise<FreshStore> {
  const { fetch, close } = await startEmbedded();
  return { options: { url: "http://embedded", fetch }, close };
}

const part = inject("specPart");
umadbSpec(throughGateway("by fetch", (url) => fetchCarrier({ url })), part);
umadbSpec(throughGateway("by the tunnel", (url) => tunnelCarrier({ url })), part);
umadbSpec({ name: "embedded, by its fetch", shared: async () => (await embedded()).options, fresh: embedded }, part);
