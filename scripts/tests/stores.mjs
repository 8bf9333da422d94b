// @ts-check
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const SERVER = fileURLToPath(new URL("../../test/support/stores-server.ts", import.meta.url));

/**
 * Serves stores to tests in runtimes that start no servers. The module is TypeScript, which Node 20 does not load.
 *
 * @returns {Promise<import("../../test/support/stores-server.js").StoresServer>}
 */
export async function serveStores() {
  const { module } = await runnerImport(SERVER, { configFile: false, logLevel: "error" });
  return /** @type {typeof import("../../test/support/stores-server.js")} */ (module).serveStores();
}
