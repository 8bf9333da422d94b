// A store that announces 10 concurrent streams: 50 live subscriptions all get an event within 1 s.
import { UmaDb } from "millrace/umadb";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startGateway } from "./support/gateway.js";
import { Report, spread } from "./support/report.js";
import { event, Store } from "./support/store.js";

const report = new Report();
const umadb = await startUmaDb();
const proxy = await startCountingProxy({ target: umadb.url, maxConcurrentStreams: 10 });
const gateway = await startGateway({ umadb: proxy.url });
const store = new Store(umadb.url);
const db = new UmaDb({ url: gateway.url });

const started = performance.now();
const subscriptions = Array.from({ length: 50 }, () => db.subscribe(undefined, { after: 0n }));
const arrived: number[] = [];
const all = Promise.all(
  subscriptions.map(async (subscription) => {
    for await (const { position } of subscription) {
      if (position === 1n) arrived.push(performance.now());
      break;
    }
  }),
);
await Promise.all(subscriptions.map(({ opened }) => opened));
report.note("50 subscriptions opened in ms", performance.now() - started);
await store.append([event("now", [], new Uint8Array(1))]);
const written = performance.now();
await Promise.race([all, proxy.until(() => false, 10_000).catch(() => undefined)]);
const delays = arrived.map((at) => at - written);
report.check("all 50 get the event within 1 s", arrived.length === 50 && Math.max(...delays) < 1_000, spread(delays));
const peaks = proxy.connections.map(({ watch }) => watch.peakOpen);
report.check("no session carries more streams than announced", Math.max(...peaks) <= 10, { sessions: peaks.length, peaks: peaks.join(",") });

await db.close();
store.close();
await gateway.stop();
await proxy.close();
await umadb.close();
report.finish();
