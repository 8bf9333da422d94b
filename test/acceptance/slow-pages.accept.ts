// Fifty clients in a page take one event a second while 100 000 wait: the gateway stays small, and no neighbour is slowed.
import { startUmaDb } from "../support/umadb.js";
import { startPageHost } from "./support/browser.js";
import { startGateway, type Usage } from "./support/gateway.js";
import { Neighbours } from "./support/neighbours.js";
import { Report, spread } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { pause } from "./support/wait.js";

const WAITING = 100_000;
const CLIENTS = 50;
const WATCH_S = 45;

const report = new Report();
const umadb = await startUmaDb();
const gateway = await startGateway({ umadb: umadb.url });
const store = new Store(umadb.url);
const data = crypto.getRandomValues(new Uint8Array(1_000));
await store.fill(WAITING, 2_000, (n) => event("Waiting", [`n-${n}`], data));
const host = await startPageHost();
const page = await host.open();

const alone = await Neighbours.start(gateway.url, store, 10);
await pause(10_000);
const before = await alone.stop();
const idle = await gateway.usage();

await page.evaluate(async ([url, count]) => {
  const taken = Array.from({ length: count }, () => 0);
  Object.assign(globalThis, { taken });
  await Promise.all(taken.map((_, n) => {
    // A client each, so that each has a tunnel of its own, as a page has.
    const subscription = new globalThis.millrace.UmaDb({ url }).subscribe(undefined, { after: 0n });
    void (async () => {
      for await (const _event of subscription) {
        taken[n] = (taken[n] ?? 0) + 1;
        await new Promise((resolve) => { setTimeout(resolve, 1_000); });
      }
    })();
    return subscription.opened;
  }));
}, [gateway.url, CLIENTS] as const);

const beside = await Neighbours.start(gateway.url, store, 10);
let highest: Usage = idle;
for (let second = 0; second < WATCH_S; second++) {
  await pause(1_000);
  const usage = await gateway.usage();
  if (usage.rss > highest.rss) highest = usage;
}
const during = await beside.stop();
const taken = await page.evaluate(() => (globalThis as unknown as { taken: number[] }).taken);

report.check("each client takes about one event a second", taken.every((count) => count > WATCH_S / 2 && count < WATCH_S * 2), { least: Math.min(...taken), most: Math.max(...taken) });
report.check("the gateway grows by less than 400 MB", highest.rss - idle.rss < 400e6, { idleMb: idle.rss / 1e6, highestMb: highest.rss / 1e6 });
const [was, is] = [spread(before.deliveryMs), spread(during.deliveryMs)];
report.check("neighbours miss nothing", during.missed + during.disordered + during.disturbed === 0 && during.written > 0, { ...during, deliveryMs: undefined });
report.check("and are not slowed", is.p50 < was.p50 * 2 + 5 && is.p99 < was.p99 * 3 + 50, { before: was, during: is });

await host.close();
store.close();
await gateway.stop();
await umadb.close();
report.finish();
