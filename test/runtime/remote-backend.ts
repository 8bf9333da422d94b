import type { Carrier } from "millrace/carrier";
import type { UmaDbBackend } from "../spec/umadb.js";
import type { StoreUrls } from "../support/stores-server.js";
import { freshStore, sharedStore } from "./stores.js";

/** A real UmaDB, reached by a carrier. */
export function remoteBackend(name: string, open: (urls: StoreUrls) => Carrier): UmaDbBackend {
  return {
    name,
    shared: async () => ({ carrier: open(await sharedStore()) }),
    async fresh() {
      const store = await freshStore();
      const carrier = open(store);
      return {
        options: { carrier },
        async close() {
          await carrier.close();
          await store.close();
        },
      };
    },
  };
}
