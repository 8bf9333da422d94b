import { startEmbedded } from "millrace-server/embedded";
import { listenEmbedded } from "millrace-server/embedded/node";
import { http2Carrier } from "millrace/carrier/http2";
import type { KubeMqOptions } from "millrace/kubemq";
import { afterAll } from "vitest";
import { kubemqSpec } from "./kubemq.js";

/** Runs the specification on an embedded broker. */
function embeddedSpec(name: string, start: () => Promise<{ options: KubeMqOptions; close(): Promise<void> }>): void {
  const open: { close(): Promise<void> }[] = [];
  kubemqSpec({
    name,
    async shared() {
      const broker = await start();
      open.push(broker);
      return broker.options;
    },
  });
  afterAll(async () => {
    for (const broker of open) await broker.close();
  });
}

embeddedSpec("embedded, in the same process", async () => {
  const { carrier, close } = await startEmbedded({ systems: ["kubemq"] });
  return { options: { carrier }, close };
});

embeddedSpec("embedded, by native gRPC", async () => {
  const server = await listenEmbedded({ systems: ["kubemq"] });
  const carrier = http2Carrier({ url: server.url });
  return { options: { carrier }, close: async () => { await carrier.close(); await server.close(); } };
});
