// Events a second through the gateway, against the same client at the same source without it.
import { startContestant } from "../lib/contestant.mjs";
import { startGateway } from "../lib/gateway.mjs";
import { interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

export async function bridgeThroughput({ events, rounds }) {
  const source = await startSource("batch", events);
  const gateway = await startGateway(["--umadb", source.native]);
  const rows = [];
  for (const [module, who] of [["millrace-fetch", "our client"], ["raw-fetch", "fetch alone"]]) {
    const bridged = await startContestant(module, gateway.url, "batch");
    const direct = await startContestant(module, source.web, "batch");
    const times = await interleaved({ ours: (full) => bridged.ask({ fields: "data", full }), peer: (full) => direct.ask({ fields: "data", full }) }, rounds);
    await bridged.stop();
    await direct.stop();
    rows.push(rowOf({ name: "bridge-throughput", shape: `batch: ${who} through the gateway, against without it`, ours: speeds(times.ours, events), peer: speeds(times.peer, events), unit: "kev/s" }));
  }
  await gateway.stop();
  await source.stop();
  return rows;
}
