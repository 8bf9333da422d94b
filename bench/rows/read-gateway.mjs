// Events read through the gateway from a real UmaDB, every field touched: our client against connect-web, which takes the
// same way, and against UmaDB's own Python client, which asks the server directly.
import { startContestant } from "../lib/contestant.mjs";
import { startGateway } from "../lib/gateway.mjs";
import { startPython } from "../lib/python.mjs";
import { interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds } from "../lib/row.mjs";
import { startFilledStore } from "../lib/store.mjs";

export async function readGateway({ events, rounds }) {
  const store = await startFilledStore(events);
  const gateway = await startGateway(["--umadb", store.url]);
  const programs = {
    ours: await startContestant("millrace-fetch", gateway.url, "batch"),
    connect: await startContestant("connect-web", gateway.url, "batch"),
    python: await startPython("programs/umadb_client.py", [store.url]),
  };
  const contestants = Object.fromEntries(Object.entries(programs).map(([who, program]) => [who, (full) => program.ask({ fields: "all", full })]));
  const times = await interleaved(contestants, rounds);
  for (const program of [...Object.values(programs), gateway, store]) await program.stop();
  const row = (peer, shape) => rowOf({ name: "read-gateway", shape, ours: speeds(times.ours, events), peer: speeds(times[peer], events), unit: "kev/s" });
  return [
    row("python", "a real UmaDB through the gateway, against its Python client directly"),
    row("connect", "a real UmaDB through the gateway, against connect-web the same way"),
  ];
}
