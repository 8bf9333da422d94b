// How long one small call takes through the gateway and without it, alone and with 31 others.
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { interleaved } from "../lib/rounds.mjs";
import { rowOf } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";
import { startStore } from "../lib/store.mjs";

const CALLS = { 1: 400, 32: 1_600 };

/** The same client both times, so that the difference is the gateway's: gRPC-Web to the gateway, and to the source itself. */
export async function unary({ rounds }) {
  const source = await startSource("batch", 1);
  const gateway = await startGateway(["--umadb", source.native]);
  const rows = await measured("unary", "through the gateway, against the same client without it", { url: gateway.url }, { url: source.web }, rounds);
  await gateway.stop();
  await source.stop();
  return rows;
}

/** A page's way to a real UmaDB against a Node service's: gRPC-Web through the gateway, and our own native gRPC. */
export async function unaryUmaDb({ rounds }) {
  const store = await startStore();
  const gateway = await startGateway(["--umadb", store.url]);
  const rows = await measured("unary-umadb", "to a real UmaDB through the gateway, against our native gRPC", { url: gateway.url }, { url: store.url, native: true }, rounds);
  await gateway.stop();
  await store.stop();
  return rows;
}

async function measured(name, shape, ours, peer, rounds) {
  const rows = [];
  for (const concurrency of [1, 32]) {
    const client = await start("programs/unary.mjs");
    const asking = (where) => () => client.ask({ ...where, concurrency, calls: CALLS[concurrency] });
    const outcomes = await interleaved({ ours: asking(ours), peer: asking(peer) }, rounds, (outcome) => outcome);
    for (const percentile of ["p50", "p99"]) {
      const of = (who) => outcomes[who].map((outcome) => outcome[percentile]);
      rows.push(rowOf({ name, shape: `${percentile} of ${concurrency === 1 ? "one call at a time" : "32 calls at a time"} ${shape}`, ours: of("ours"), peer: of("peer"), unit: "ms" }));
    }
    await client.stop();
  }
  return rows;
}
