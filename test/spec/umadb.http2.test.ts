import { http2Carrier } from "millrace/carrier/http2";
import { afterAll, beforeAll } from "vitest";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { umadbSpec } from "./umadb.js";

let server: UmaDbServer;
let carrier: ReturnType<typeof http2Carrier>;

beforeAll(async () => {
  server = await startUmaDb();
  carrier = http2Carrier({ url: server.url });
});
afterAll(async () => {
  await carrier.close();
  await server.close();
});

umadbSpec({
  name: "by native gRPC, without a gateway",
  shared: () => ({ carrier }),
  async fresh() {
    const own = await startUmaDb();
    const direct = http2Carrier({ url: own.url });
    return {
      options: { carrier: direct },
      async close() {
        await direct.close();
        await own.close();
      },
    };
  },
});
