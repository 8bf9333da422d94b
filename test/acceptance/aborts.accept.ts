// A page opens and aborts 1 000 subscriptions as fast as it can, and a burst of 25 at once; nobody else notices.
import { setMaxListeners } from "node:events";
import { UmaDb } from "millrace/umadb";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startPageHost } from "./support/browser.js";
import { startGateway } from "./support/gateway.js";
import { Neighbours } from "./support/neighbours.js";
import { Report, spread } from "./support/report.js";
import { Store } from "./support/store.js";
import { pause } from "./support/wait.js";

const SUBSCRIBE = "/umadb.v1.DCB/Subscribe";
const report = new Report();
const umadb = await startUmaDb();
const proxy = await startCountingProxy({ target: umadb.url });
const gateway = await startGateway({ umadb: proxy.url });
const host = await startPageHost();
const store = new Store(umadb.url);
const neighbours = await Neighbours.start(gateway.url, store, 20, 20);

await manyFromPage("by the client", async ([url, count]) => {
  const db = new globalThis.millrace.UmaDb({ url });
  /** Two in three are left as soon as they are open, the others a moment after they were begun. */
  const one = async (n: number): Promise<void> => {
    const own = new AbortController();
    const subscription = db.subscribe(undefined, { after: 0n, signal: own.signal });
    const pending = subscription[Symbol.asyncIterator]().next();
    const opened = subscription.opened.catch(() => undefined);
    await (n % 3 === 0 ? new Promise((resolve) => setTimeout(resolve, n % 8)) : opened);
    own.abort(new Error("left"));
    await pending.catch(() => undefined);
  };
  let next = 0;
  const started = performance.now();
  await Promise.all(Array.from({ length: 6 }, async () => {
    while (next < count) await one(next++);
  }));
  await db.close();
  return performance.now() - started;
});
await manyFromPage("by bare requests", async ([url, count]) => {
  /** Two in three are left at the response's head, which the gateway sends at once, the others a moment after they were begun. */
  const one = async (n: number): Promise<void> => {
    const own = new AbortController();
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "millrace-heartbeat-ms": "15000" };
    const pending = fetch(`${url}/umadb.v1.DCB/Subscribe`, { method: "POST", body: new Uint8Array(5), headers, signal: own.signal }).catch(() => undefined);
    await (n % 3 === 0 ? new Promise((resolve) => setTimeout(resolve, n % 8)) : pending);
    own.abort();
    await pending;
  };
  let next = 0;
  const started = performance.now();
  await Promise.all(Array.from({ length: 12 }, async () => {
    while (next < count) await one(next++);
  }));
  return performance.now() - started;
});

const burstBefore = proxy.counts(SUBSCRIBE).opened;
const db = new UmaDb({ url: gateway.url });
for (let round = 0; round < 8; round++) await burst(db, 25);
await pause(2_000);
await db.close();
const after = proxy.counts(SUBSCRIBE);
report.check("bursts of 25 opened and left at once are gone as well", after.open === 20, { upstream: after.opened - burstBefore, open: after.open });

const figures = await neighbours.stop();
report.check("0 upstream sessions lost", proxy.goaways().length === 0 && proxy.counts().lost === 0, { goaways: proxy.goaways().map(({ by, code }) => `${by} ${code}`), ...proxy.counts() });
report.check("0 events missed, nobody reconnected", figures.missed === 0 && figures.disturbed === 0 && figures.disordered === 0 && figures.written > 50, { ...figures, deliveryMs: undefined });
const delivery = spread(figures.deliveryMs);
report.check("delivery under 1 s", delivery.max < 1_000, delivery);

await host.close();
store.close();
await gateway.stop();
await proxy.close();
await umadb.close();
report.finish();

/** A page leaves 1 000 subscriptions in its own way; afterwards only the neighbours' are left upstream. */
async function manyFromPage(way: string, play: (arg: readonly [string, number]) => Promise<number>): Promise<void> {
  const page = await host.open();
  const before = proxy.counts(SUBSCRIBE);
  const ms = await page.evaluate(play, [gateway.url, 1_000] as const);
  await pause(2_000);
  const left = proxy.counts(SUBSCRIBE);
  const early = proxy.calls(SUBSCRIBE).filter(({ end, answeredAt }) => end?.how === "reset" && answeredAt === undefined).length;
  report.check(`${way}: at least 500 of 1 000 went upstream`, left.opened - before.opened >= 500, { upstream: left.opened - before.opened, resetBeforeAnswer: early, ms });
  report.check(`${way}: 2 s later no upstream call is open but the neighbours'`, left.open === 20, left);
  await page.close();
}

/** Opens them in one go and leaves each as soon as its request is on the way. */
async function burst(client: UmaDb, count: number): Promise<void> {
  const own = new AbortController();
  setMaxListeners(count * 4, own.signal);
  const sent = proxy.counts(SUBSCRIBE).opened;
  const pending = Array.from({ length: count }, () => client.subscribe(undefined, { after: 0n, signal: own.signal })[Symbol.asyncIterator]().next());
  await proxy.until(() => proxy.counts(SUBSCRIBE).opened > sent, 1_000).catch(() => undefined);
  own.abort(new Error("left"));
  await Promise.allSettled(pending);
}
