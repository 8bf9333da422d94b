import { fileURLToPath } from "node:url";
import { start } from "./process.mjs";

/** Our gateway by its command line, in a process of its own. */
export async function startGateway(umadb) {
  const main = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
  const gateway = await start(main, ["gateway", "--listen", "127.0.0.1:0", "--allow-all", "--umadb", umadb, "--json"]);
  return Object.assign(gateway, { url: gateway.ready.url });
}
