import { startEmbedded } from "millrace-server/embedded";
import { listenEmbedded } from "millrace-server/embedded/node";
import { http2Carrier } from "millrace/carrier/http2";
import type { UmaDbOptions } from "millrace/umadb";
import { afterAll } from "vitest";
import { umadbSpec, type UmaDbBackend } from "./umadb.js";

/** A store of its own, and how a client reaches it. */
type Start = () => Promise<{ options: UmaDbOptions; close(): Promise<void> }>;

/** Runs the specification on embedded servers. */
function embeddedSpec(name: string, start: Start): void {
  const open: { close(): Promise<void> }[] = [];
  const backend: UmaDbBackend = {
    name,
    async shared() {
      const store = await start();
      open.push(store);
      return store.options;
    },
    fresh: start,
  };
  umadbSpec(backend);
  afterAll(async () => {
    for (const store of open) await store.close();
  });
}

embeddedSpec("embedded, in the same process", async () => {
  const { carrier, close } = await startEmbedded();
  return { options: { carrier }, close };
});

embeddedSpec("embedded, by its fetch", async () => {
  const { fetch, close } = await startEmbedded();
  return { options: { url: "http://embedded", fetch }, close };
});

embeddedSpec("embedded, on a port, by native gRPC", async () => {
  const { url, close } = await listenEmbedded();
  const carrier = http2Carrier({ url });
  return {
    options: { carrier },
    async close() {
      await carrier.close();
      await close();
    },
  };
});

embeddedSpec("embedded, on a port, by the platform's fetch", async () => {
  const { url, close } = await listenEmbedded();
  return { options: { url }, close };
});
