import { startEmbedded } from "millrace-server/embedded";
import { fetchCarrier, tunnelCarrier } from "millrace/carrier";
import { inject } from "vitest";
import { umadbSpec, type FreshStore } from "../spec/umadb.js";
import { remoteBackend } from "./remote-backend.js";

/** A store in memory, in the runtime itself. */
async function embedded(): Promise<FreshStore> {
  const { fetch, close } = await startEmbedded();
  return { options: { url: "http://embedded", fetch }, close };
}

const part = inject("specPart");
umadbSpec(remoteBackend("by fetch through the gateway", ({ gatewayUrl }) => fetchCarrier({ url: gatewayUrl })), part);
umadbSpec(remoteBackend("by the tunnel through the gateway", ({ gatewayUrl }) => tunnelCarrier({ url: gatewayUrl })), part);
umadbSpec({ name: "embedded, by its fetch", shared: async () => (await embedded()).options, fresh: embedded }, part);
