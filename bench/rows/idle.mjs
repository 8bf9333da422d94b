// What one idle subscription costs the gateway in memory: 5 000 of them, each with a connection of its own, or through
// tunnels of 100.
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { rowOf } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

const SUBSCRIPTIONS = 5_000;
/** Opened and left again before the first look, so that what the gateway needs once is not counted. */
const FIRST = 200;
const MOST_ROUNDS = 3;
const TITLES = { fetch: "over HTTP/1.1", tunnel: "through tunnels of 100" };

/** @param {"fetch" | "tunnel"} kind */
export const idle = (kind) => async ({ rounds }) => {
  const grown = [];
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) grown.push(await growthOf(kind));
  return [rowOf({ name: `idle-${kind}`, shape: `memory of the gateway for each of ${SUBSCRIPTIONS} idle subscriptions ${TITLES[kind]}`, ours: grown, unit: "KiB" })];
};

async function growthOf(kind) {
  const source = await startSource("batch", 1);
  const gateway = await startGateway(["--umadb", source.native]);
  const client = await start("programs/idle-client.mjs", [kind, gateway.url]);
  await client.ask({ count: FIRST });
  const before = await gateway.rss();
  await client.ask({ count: SUBSCRIPTIONS });
  const after = await gateway.rss();
  for (const program of [client, gateway, source]) await program.stop();
  return (after - before) / SUBSCRIPTIONS / 1_024;
}
