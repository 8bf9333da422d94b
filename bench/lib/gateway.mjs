import { fileURLToPath } from "node:url";
import { start } from "./process.mjs";

/**
 * Our gateway by its command line, in a process of its own.
 *
 * @param {string[]} args After `gateway --allow-all`, such as `["--umadb", url]`.
 */
export async function startGateway(args) {
  const main = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
  const gateway = await start(main, ["gateway", "--listen", "127.0.0.1:0", "--allow-all", "--json", ...args], { quiet: true });
  return Object.assign(gateway, { url: gateway.ready.url });
}
