// A subscription that is not read for a minute goes on at its place: by the tunnel and by fetch.
import { fetchCarrier, tunnelCarrier, type Carrier } from "millrace/carrier";
import { UmaDb } from "millrace/umadb";
import { WebSocket } from "ws";
import { startUmaDb } from "../support/umadb.js";
import { startGateway } from "./support/gateway.js";
import { Report } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { pause } from "./support/wait.js";

/** More than sockets and windows on the way hold: 64 MB. */
const STORED = 8_000;
const EVENT_BYTES = 8_000;
const UNREAD_MS = 60_000;

const report = new Report();
const umadb = await startUmaDb();
const gateway = await startGateway({ umadb: umadb.url });
const store = new Store(umadb.url);
const data = crypto.getRandomValues(new Uint8Array(EVENT_BYTES));
await store.fill(STORED, 400, (n) => event("Stored", [`n-${n}`], data));

const ways: Record<string, Carrier> = { tunnel: tunnelCarrier({ url: gateway.url, webSocket: WebSocket }), fetch: fetchCarrier({ url: gateway.url }) };
const taken = Object.entries(ways).map(([way, carrier]) => {
  const db = new UmaDb({ carrier });
  const subscription = db.subscribe();
  const causes: string[] = [];
  subscription.onStateChange((state) => { if (state.kind === "waiting") causes.push(String(state.cause)); });
  const events = subscription.values({ preventCancel: true });
  const seen: bigint[] = [];
  const take = async (count: number): Promise<void> => {
    while (seen.length < count) {
      const { value } = await events.next();
      if (value === undefined) throw new Error(`The subscription by ${way} ended`);
      seen.push(value.position);
    }
  };
  return { way, db, causes, seen, take };
});
await Promise.all(taken.map(({ take }) => take(100)));
await pause(UNREAD_MS);
await store.fill(1_000, 400, (n) => event("Missed", [`m-${n}`], data));
await Promise.all(taken.map(({ take }) => take(STORED + 1_000)));
for (const { way, causes, seen } of taken) {
  const isWhole = seen.every((position, n) => position === BigInt(n + 1));
  report.check(`by ${way}: unread for 60 s, then all ${STORED + 1_000}, in order, each once`, isWhole && seen.length === STORED + 1_000, { seen: seen.length, reconnects: causes.length, causes });
}

for (const { db } of taken) await db.close();
for (const carrier of Object.values(ways)) await carrier.close();
store.close();
await gateway.stop();
await umadb.close();
report.finish();
