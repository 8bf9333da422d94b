// A page sends and aborts 200 slow conditional appends, each a scan of 300 000 events; a neighbour's appends go on.
// Slow appends of strangers survive a freezing conflict beside them.
import { AppendConditionError, UmaDb } from "millrace/umadb";
import { startUmaDb } from "../support/umadb.js";
import { startPageHost } from "./support/browser.js";
import { startGateway } from "./support/gateway.js";
import { Report, spread } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { inParallel, pause } from "./support/wait.js";

const report = new Report();
const umadb = await startUmaDb();
const store = new Store(umadb.url);
// A condition on a type alone has to look at every one of them.
await store.fill(300_000, 2_000, (n) => event(`kind-${n % 7}`, ["common"], new Uint8Array(60)));
const gateway = await startGateway({ umadb: umadb.url });
const slow = { condition: { failIfEventsMatch: { items: [{ types: ["never"] }] } } };
const db = new UmaDb({ url: gateway.url, timeoutMs: 60_000 });

const alone = performance.now();
await db.append([{ type: "slow", data: new Uint8Array(1) }], slow);
report.note("one slow append alone takes, ms", performance.now() - alone);

for (const conditional of [false, true]) await neighbourOfAborts(conditional);
await freezingBesideSlow();

await db.close();
store.close();
await gateway.stop();
await umadb.close();
report.finish();

async function neighbourOfAborts(conditional: boolean): Promise<void> {
  const host = await startPageHost();
  const page = await host.open();
  const times: number[] = [];
  let failed = 0;
  let running = true;
  const neighbour = (async () => {
    for (let n = 0; running; n++) {
      const tag = `quick-${conditional}-${n}`;
      const started = performance.now();
      const condition = { failIfEventsMatch: { items: [{ tags: [tag] }] }, after: 300_000n };
      await db.append([{ type: "quick", tags: [tag], data: new Uint8Array(1) }], conditional ? { condition } : {}).catch(() => failed++);
      times.push(performance.now() - started);
      await pause(20);
    }
  })();
  const aborted = await page.evaluate(async ([url, count]) => {
    const page = new globalThis.millrace.UmaDb({ url });
    const reason = new Error("left");
    let kept = 0;
    let next = 0;
    const one = async (): Promise<void> => {
      const own = new AbortController();
      const pending = page.append([{ type: "abandoned", data: new Uint8Array(1) }], { signal: own.signal, condition: { failIfEventsMatch: { items: [{ types: ["never"] }] } } });
      setTimeout(() => own.abort(reason), 30);
      await pending.catch((error: unknown) => (error === reason ? kept++ : undefined));
    };
    await Promise.all(Array.from({ length: 6 }, async () => {
      while (next++ < count) await one();
    }));
    await page.close();
    return kept;
  }, [gateway.url, 200] as const);
  await pause(3_000);
  running = false;
  await neighbour;
  await host.close();
  const what = `beside 200 aborted slow appends, a neighbour's ${conditional ? "conditional " : ""}appends`;
  report.check(`${what} never fail`, failed === 0 && aborted > 150 && times.length > 20, { failed, appended: times.length, aborted });
  report.check(`${what} are delayed by at most 2 s`, Math.max(...times) < 2_000, spread(times));
}

async function freezingBesideSlow(): Promise<void> {
  await store.append([event("Huge", ["huge"], crypto.getRandomValues(new Uint8Array(64 * 1024)))]);
  const huge = { condition: { failIfEventsMatch: { items: [{ tags: ["huge"] }] } } };
  const stranger = new UmaDb({ url: gateway.url, timeoutMs: 60_000 });
  const outcomes: Record<string, number> = {};
  const count = (outcome: string): void => void (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);
  const before = await store.head();
  const slowOnes = inParallel(40, 4, async () => {
    const tag = crypto.randomUUID();
    await stranger.append([{ type: "survivor", tags: [tag], data: new Uint8Array(1) }], slow).then(() => count("slow applied"), (error: unknown) => count(`slow ${String(error)}`));
  });
  const conflicts = inParallel(40, 4, async () => {
    await db.append([{ type: "loser", data: new Uint8Array(1) }], huge).then(() => count("conflict applied"), (error: unknown) => count(error instanceof AppendConditionError ? "conflict" : String(error)));
  });
  await Promise.all([slowOnes, conflicts]);
  const stored = (await store.all(before)).filter(({ event: one }) => one?.eventType === "survivor").length;
  await stranger.close();
  report.check("slow appends of strangers survive freezing conflicts beside them", outcomes["slow applied"] === 40 && stored === 40 && outcomes["conflict"] === 40, { ...outcomes, stored });
}
