import { startEmbedded } from "millrace-server/embedded";
import { listenEmbedded } from "millrace-server/embedded/node";
import { http2Carrier } from "millrace/carrier/http2";
import { eventStoreDbSpec } from "./eventstoredb.js";

eventStoreDbSpec({
  name: "embedded, in the same process",
  async open() {
    const { carrier, close } = await startEmbedded();
    return { options: { carrier }, close };
  },
});

eventStoreDbSpec({
  name: "embedded, by its fetch",
  async open() {
    const { fetch, close } = await startEmbedded();
    return { options: { url: "http://embedded", fetch }, close };
  },
});

eventStoreDbSpec({
  name: "embedded, on a port, by native gRPC",
  async open() {
    const { url, close } = await listenEmbedded();
    const carrier = http2Carrier({ url });
    return {
      options: { carrier },
      async close() {
        await carrier.close();
        await close();
      },
    };
  },
});

eventStoreDbSpec({
  name: "embedded, on a port, by the platform's fetch",
  async open() {
    const { url, close } = await listenEmbedded();
    return { options: { url }, close };
  },
});
