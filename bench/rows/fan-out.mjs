// One writer, 100 subscriptions through the gateway from a real UmaDB: deliveries a second of all of them together.
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { rowOf } from "../lib/row.mjs";
import { startStore } from "../lib/store.mjs";
import { eventOf } from "../shapes/batch.mjs";

const FOLLOWERS = 100;
const APPENDS = 20;
const PER_APPEND = 50;

export async function fanOut({ rounds }) {
  const speeds = { fetch: [], tunnel: [], connect: [] };
  for (let round = 0; round < rounds; round++) for (const kind in speeds) speeds[kind].push(await deliveriesPerMs(kind));
  return ["fetch", "tunnel"].map((kind) => rowOf({
    name: "fan-out",
    shape: `deliveries to ${FOLLOWERS} subscriptions by ${kind}, against connect-web`,
    ours: speeds[kind],
    peer: speeds.connect,
    unit: "kdeliveries/s",
  }));
}

async function deliveriesPerMs(kind) {
  const store = await startStore();
  const gateway = await startGateway(["--umadb", store.url]);
  const writer = new UmaDb({ carrier: http2Carrier({ url: store.url }), retry: { attempts: 50, baseMs: 20, maxMs: 200 } });
  await writer.head();
  const append = () => writer.append(Array.from({ length: PER_APPEND }, (_, n) => newEvent(n)));
  await append();
  const followers = await start("programs/followers.mjs", [kind, gateway.url, String(FOLLOWERS)]);
  // Who has the events that were there is live from then on.
  await followers.ask({ events: PER_APPEND });
  const started = performance.now();
  const all = followers.ask({ events: PER_APPEND * (APPENDS + 1) });
  for (let n = 0; n < APPENDS; n++) await append();
  await all;
  const ms = performance.now() - started;
  await writer.close();
  for (const program of [followers, gateway, store]) await program.stop();
  return (APPENDS * PER_APPEND * FOLLOWERS) / ms;
}

function newEvent(n) {
  const { eventType: type, ...event } = eventOf(n);
  return { type, ...event };
}
