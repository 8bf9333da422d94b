// 200 000 events read through the gateway from a real UmaDB, every field touched: our client against connect-web.
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { median, spreadOf } from "../lib/statistics.mjs";
import { EVENTS, startFilledStore } from "../lib/store.mjs";

const ROUNDS = 5;

export async function measure() {
  const store = await startFilledStore();
  const gateway = await startGateway(store.url);
  const clients = {
    batches: await start("clients/millrace.mjs", [gateway.url, "batches"]),
    events: await start("clients/millrace.mjs", [gateway.url, "events"]),
    peer: await start("clients/connect-web.mjs", [gateway.url]),
  };
  const speeds = { batches: [], events: [], peer: [] };
  // The first round warms up and compares every byte.
  for (let round = 0; round <= ROUNDS; round++) {
    const results = {};
    for (const [name, client] of Object.entries(clients)) results[name] = await client.ask({ full: round === 0 });
    assertSame(results);
    if (round > 0) for (const name in results) speeds[name].push(EVENTS / results[name].ms);
  }
  for (const client of Object.values(clients)) await client.stop();
  await gateway.stop();
  await store.stop();
  return ["batches", "events"].map((shape) => ({
    name: "read-gateway",
    shape: `${EVENTS} events, by ${shape}, against connect-web`,
    ours: median(speeds[shape]),
    peer: median(speeds.peer),
    spread: Math.max(spreadOf(speeds[shape]), spreadOf(speeds.peer)),
    unit: "kev/s",
  }));
}

function assertSame(results) {
  const sums = new Set(Object.values(results).map(({ checksum }) => checksum));
  const [sum] = sums;
  if (sums.size !== 1 || !sum.startsWith(`${EVENTS} events`)) throw new Error(`The clients read different things: ${[...sums].join(" / ")}`);
}
