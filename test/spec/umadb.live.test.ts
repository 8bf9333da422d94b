import { readFile } from "node:fs/promises";
import { http2Carrier } from "millrace/carrier/http2";
import { afterAll } from "vitest";
import { startGateway, type LocalGateway } from "../support/backends.js";
import { umadbSpec } from "./umadb.js";

// `npm run spec -- umadb`: on a server that somebody else started. No test gets an empty store there.
const { MILLRACE_TEST_UMADB_URL: url = "", MILLRACE_TEST_UMADB_API_KEY: apiKey, MILLRACE_TEST_UMADB_CA: caPath } = process.env;
const ca = caPath === undefined ? undefined : await readFile(caPath, "utf8");

const carrier = http2Carrier({ url, apiKey, ca, allowInsecureApiKey: true });
umadbSpec({ name: `at ${url}, by native gRPC`, shared: () => ({ carrier }) });
afterAll(() => carrier.close());

let gateway: LocalGateway | undefined;
umadbSpec({
  name: `at ${url}, by fetch through a gateway`,
  async shared() {
    gateway = await startGateway({ url, apiKey, ca });
    return { url: gateway.url };
  },
});
afterAll(() => gateway?.close());
