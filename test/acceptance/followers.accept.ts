// UmaDB's own Python client writes 10 000 events while the gateway and the store are killed: 25 followers miss nothing.
import type { Page } from "playwright-core";
import { UmaDb } from "millrace/umadb";
import { WebSocket } from "ws";
import { startPython } from "../support/python.js";
import { startUmaDb } from "../support/umadb.js";
import { startPageHost } from "./support/browser.js";
import { startGateway, type Gateway } from "./support/gateway.js";
import { Report } from "./support/report.js";
import { Store } from "./support/store.js";
import { eventually } from "./support/wait.js";

const EVENTS = 10_000;
const PER_APPEND = 2;
const IN_PAGE = 20;
const IN_NODE = 5;

/** Repeats what failed, with the same ids and a condition of its own: so the server recognises what it has. */
const WRITER = `
import sys, time, uuid
from umadb import AppendCondition, Client, Event, IntegrityError, Query, QueryItem
url, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = Client(url)
for n in range(0, count, size):
    tag = "batch-%d" % n
    events = [Event(event_type="Counted", tags=[tag], data=b"%d" % (n + k), uuid=uuid.uuid4()) for k in range(size)]
    condition = AppendCondition(fail_if_events_match=Query(items=[QueryItem(types=[], tags=[tag])]))
    while True:
        try:
            client.append(events, condition=condition)
            break
        except IntegrityError:
            raise
        except Exception:
            time.sleep(0.05)
            try: client = Client(url)
            except Exception: pass
print("done", flush=True)
`;

const report = new Report();
const umadb = await startUmaDb();
let gateway: Gateway = await startGateway({ umadb: umadb.url });
const { port } = gateway;
const host = await startPageHost();
const page = await host.open();
await followInPage(page, gateway.url, IN_PAGE);
const inNode = Array.from({ length: IN_NODE }, (_, n) => followInNode(gateway.url, n % 2 === 0));
await Promise.all(inNode.map(({ opened }) => opened));

const progress = (): number => Math.min(...inNode.map(({ seen }) => seen.length));
const writer = startPython("0.7.8", WRITER, [umadb.url, String(EVENTS), String(PER_APPEND)]);
void writer.ended.then(({ code, stderr }) => report.note("the writer ended with", { code, stderr }));
await eventually(() => progress() >= EVENTS / 3, 120_000, "a third is written");
await gateway.stop("SIGKILL");
gateway = await startGateway({ umadb: umadb.url, port });
report.note("gateway killed at", progress());
await eventually(() => progress() >= (EVENTS * 2) / 3, 120_000, "two thirds are written");
await umadb.stop("SIGKILL");
await umadb.restart();
report.note("store killed at", progress());
const { code, stderr } = await writer.ended;
report.check("the writer has written all", code === 0, { code, stderr });

const store = new Store(umadb.url);
const stored = (await store.all()).map(({ position }) => String(position));
report.check("the store has 10 000 events", stored.length === EVENTS, { stored: stored.length });
const followers = async (): Promise<Followed[]> => [...(await followedInPage(page)), ...inNode.map(({ seen, reconnects }) => ({ seen, reconnects: reconnects() }))];
await eventually(async () => (await followers()).every(({ seen }) => seen.length >= EVENTS), 60_000, "all have all").catch((error: unknown) => report.note("late", String(error)));
const followed = await followers();
const counts = followed.map(({ seen }) => faultsOf(seen, stored));
const total = (name: keyof Faults): number => counts.reduce((sum, faults) => sum + faults[name], 0);
report.check(`${IN_PAGE} followers in Chromium and ${IN_NODE} in Node: none lost`, total("lost") === 0, { lost: total("lost") });
report.check("none repeated", total("repeated") === 0, { repeated: total("repeated") });
report.check("none out of order", total("disordered") === 0, { disordered: total("disordered") });
const reconnects = followed.reduce((sum, each) => sum + each.reconnects, 0);
report.check("at least 50 reconnects, by no call of the user", reconnects >= 50, { reconnects });

await Promise.all(inNode.map(({ close }) => close()));
store.close();
await host.close();
await gateway.stop();
await umadb.close();
report.finish();

interface Followed {
  readonly seen: readonly string[];
  readonly reconnects: number;
}

interface Faults {
  readonly lost: number;
  readonly repeated: number;
  readonly disordered: number;
}

function faultsOf(seen: readonly string[], expected: readonly string[]): Faults {
  const came = new Set(seen);
  return {
    lost: expected.filter((position) => !came.has(position)).length,
    repeated: seen.length - came.size,
    disordered: seen.filter((position, n) => n > 0 && BigInt(position) < BigInt(seen[n - 1] as string)).length,
  };
}

/** With a WebSocket class it follows as pages do, by the tunnel; without one by fetch. */
function followInNode(url: string, byTunnel: boolean) {
  const db = new UmaDb({ url, webSocket: byTunnel ? WebSocket : undefined });
  const subscription = db.subscribe();
  const seen: string[] = [];
  let reconnects = 0;
  subscription.onStateChange(({ kind }) => { if (kind === "waiting") reconnects++; });
  const done = (async () => { for await (const { position } of subscription) seen.push(String(position)); })().catch(() => undefined);
  return {
    seen,
    opened: subscription.opened,
    reconnects: () => reconnects,
    async close() {
      await db.close();
      await done;
    },
  };
}

function followInPage(of: Page, url: string, count: number): Promise<void> {
  return of.evaluate(async ([gatewayUrl, followers]) => {
    const db = new globalThis.millrace.UmaDb({ url: gatewayUrl });
    const followed = Array.from({ length: followers }, () => ({ seen: [] as string[], reconnects: 0 }));
    Object.assign(globalThis, { followed });
    await Promise.all(followed.map((each) => {
      const subscription = db.subscribe();
      subscription.onStateChange(({ kind }) => { if (kind === "waiting") each.reconnects++; });
      void (async () => { for await (const { position } of subscription) each.seen.push(String(position)); })();
      return subscription.opened;
    }));
  }, [url, count] as const);
}

function followedInPage(of: Page): Promise<Followed[]> {
  return of.evaluate(() => (globalThis as unknown as { followed: Followed[] }).followed);
}
