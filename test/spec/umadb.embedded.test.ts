import type { UmaDbOptions } from "millrace/umadb";
import { embeddedCarrier } from "../../server/embedded/carrier.js";
import { embeddedFetch } from "../../server/embedded/fetch.js";
import { embeddedUmaDb } from "../../server/embedded/umadb/index.js";
import type { EmbeddedService } from "../../server/embedded/service.js";
import { umadbSpec, type UmaDbBackend } from "./umadb.js";

/** A backend whose every store is an embedded server in this process. */
function embeddedBackend(name: string, optionsOf: (service: EmbeddedService) => UmaDbOptions): UmaDbBackend {
  return {
    name,
    shared: () => optionsOf(embeddedUmaDb()),
    async fresh() {
      const service = embeddedUmaDb();
      return { options: optionsOf(service), close: async () => service.close() };
    },
  };
}

umadbSpec(embeddedBackend("embedded, in the same process", (service) => ({ carrier: embeddedCarrier(service) })));
umadbSpec(embeddedBackend("embedded, by fetch", (service) => ({ url: "http://embedded", fetch: embeddedFetch(service) })));
