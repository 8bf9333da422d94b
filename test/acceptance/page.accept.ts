// A page in Chromium appends 500 events, reads 500 and follows 500, through the gateway; foreign pages get nothing.
import type { Page } from "playwright-core";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startPageHost } from "./support/browser.js";
import { startGateway } from "./support/gateway.js";
import { Report } from "./support/report.js";
import { Store } from "./support/store.js";

const report = new Report();
const umadb = await startUmaDb();
const proxy = await startCountingProxy({ target: umadb.url });
const gateway = await startGateway({ umadb: proxy.url });
const host = await startPageHost(["evil.example", "rebound.example"]);
const store = new Store(umadb.url);

const page = await host.open();
const appended = await page.evaluate(appendAndFollow, gateway.url);
const stored = await store.all();
report.check("a page appends 500", appended.positions.length === 500 && stored.length === 500, { answered: appended.positions.length, stored: stored.length });
report.check("it follows 500, in order, each once", ascending(appended.followed, 500), { followed: appended.followed.length, ms: appended.followMs });
report.check("it reads 500, data intact", ascending(appended.read, 500) && appended.intact === 500, { read: appended.read.length, intact: appended.intact });
report.check("what it sent is what is stored", stored.every(({ event }, n) => event?.tags[0] === `n-${n}` && event.data.length === n % 300), { stored: stored.length });

const own = await waysIn(await host.open(), gateway.url);
report.check("a page that is let in gets what the others are refused", [own.head, own.read, own.append, own.subscribe, own.bare].every((text) => text.startsWith("got")) && !own.simple.startsWith("got"), own);
const before = proxy.counts().opened;
await refused("a page of another origin", await host.open(`http://evil.example:${new URL(host.origin).port}`), gateway.url);
await refused("a page of this origin with another Host", await host.open(), `http://rebound.example:${gateway.port}`);
await refused("a page rebound to the gateway's address", await host.open(`http://rebound.example:${gateway.port}`), `http://rebound.example:${gateway.port}`);
report.check("and nothing of theirs went to the store", proxy.counts().opened === before, { calls: proxy.counts().opened - before });

await host.close();
store.close();
const code = await gateway.stop();
report.check("the gateway ends with 0 after SIGTERM", code === 0, { code });
await proxy.close();
await umadb.close();
report.finish();

async function refused(who: string, foreign: Page, url: string): Promise<void> {
  const got = await waysIn(foreign, url);
  report.check(`${who} gets nothing`, Object.values(got).every((text) => !text.startsWith("got")), got);
}

/** Every way in that a page has: our client, a bare request, a form-like request that needs no preflight. */
function waysIn(page: Page, url: string): Promise<Record<"head" | "read" | "append" | "subscribe" | "bare" | "simple", string>> {
  return page.evaluate(async (gatewayUrl) => {
    const outcome = async (attempt: () => Promise<unknown>): Promise<string> => {
      try {
        return `got ${String(await attempt()).slice(0, 40)}`;
      } catch (error) {
        return String(error);
      }
    };
    const db = new globalThis.millrace.UmaDb({ url: gatewayUrl, retry: false, timeoutMs: 5_000 });
    const opened = async (): Promise<unknown> => {
      const own = new AbortController();
      const first = db.subscribe(undefined, { signal: own.signal })[Symbol.asyncIterator]().next();
      return first.finally(() => own.abort());
    };
    const path = `${gatewayUrl}/umadb.v1.DCB/Head`;
    const body = new Uint8Array(5);
    const status = (response: Response): string => {
      if (!response.ok || response.type === "opaque") throw new Error(`${response.type} ${response.status}`);
      return `status ${response.status}`;
    };
    return {
      head: await outcome(() => db.head()),
      read: await outcome(() => db.read().toArray()),
      append: await outcome(() => db.append([{ type: "Foreign", data: body }])),
      subscribe: await outcome(opened),
      bare: await outcome(async () => status(await fetch(path, { method: "POST", body, headers: { "content-type": "application/grpc-web+proto" } }))),
      simple: await outcome(async () => status(await fetch(path, { method: "POST", body, mode: "no-cors", headers: { "content-type": "text/plain" } }))),
    };
  }, url);
}

function ascending(positions: readonly bigint[], count: number): boolean {
  return positions.length === count && positions.every((position, n) => position === BigInt(n + 1));
}

async function appendAndFollow(url: string): Promise<{ positions: bigint[]; followed: bigint[]; followMs: number; read: bigint[]; intact: number }> {
  const db = new globalThis.millrace.UmaDb({ url });
  const dataOf = (n: number): Uint8Array => Uint8Array.from({ length: n % 300 }, (_, k) => (n * 31 + k) & 255);
  const started = performance.now();
  const followed: bigint[] = [];
  const subscription = db.subscribe(undefined, { after: 0n });
  const following = (async () => {
    for await (const { position } of subscription) {
      followed.push(position);
      if (followed.length === 500) break;
    }
  })();
  await subscription.opened;
  const positions: bigint[] = [];
  for (let n = 0; n < 500; n++) positions.push(await db.append([{ type: "Moved", tags: [`n-${n}`], data: dataOf(n) }]));
  await following;
  const followMs = performance.now() - started;
  const read: bigint[] = [];
  let intact = 0;
  for await (const { position, event } of db.read()) {
    read.push(position);
    const expected = dataOf(Number(position) - 1);
    if (String(event.data) === String(expected)) intact++;
  }
  await db.close();
  return { positions, followed, followMs, read, intact };
}
