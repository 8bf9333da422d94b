// Clients that stop reading long reads cost the gateway little memory, and do not keep the store from stopping.
import type { ClientRequest } from "node:http";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startGateway, type Usage } from "./support/gateway.js";
import { Report, spread } from "./support/report.js";
import { stallReads } from "./support/stalled-reads.js";
import { event, Store } from "./support/store.js";
import { pause } from "./support/wait.js";

const READ = "/umadb.v1.DCB/Read";
const report = new Report();
const umadb = await startUmaDb();
const store = new Store(umadb.url);
// Data that the system's buffers cannot hold: 200 MB for each of the reads.
const data = crypto.getRandomValues(new Uint8Array(8_000));
await store.fill(25_000, 400, (n) => event(`kind-${n % 7}`, [`n-${n}`], data));
const proxy = await startCountingProxy({ target: umadb.url });
const gateway = await startGateway({ umadb: proxy.url });

// Everything that is made once is made before it is measured.
for (const call of await stallReads(gateway.url, 1, "127.0.0.1")) call.destroy();
await pause(1_000);
const idle = await gateway.usage();

const six = await stallReads(gateway.url, 6, "127.0.0.1");
const withSix = await highest(8);
report.check("one client that stops reading six long reads: less than 12 MB", grown(withSix) < 12e6 && proxy.openCalls(READ).length === 6, { ...upstream(), ...megabytes(withSix) });
await proxy.until(() => proxy.openCalls(READ).length === 0, 40_000).catch(() => undefined);
report.check("they are ended after 30 s without a reader", proxy.openCalls(READ).length === 0, { open: proxy.openCalls(READ).length });
await exits("one client that stopped reading", await stallReads(gateway.url, 6, "127.0.0.1"));
for (const call of six) call.destroy();
await umadb.restart();

const many = (await Promise.all(Array.from({ length: 50 }, (_, n) => stallReads(gateway.url, 6, `127.0.1.${n + 1}`)))).flat();
const withMany = await highest(8);
report.check("50 such clients: less than 400 MB", grown(withMany) < 400e6 && proxy.openCalls(READ).length === 300, { reads: many.length, ...upstream(), ...megabytes(withMany) });

await exits("50 clients that stopped reading", many);

store.close();
await gateway.stop();
await proxy.close();
await umadb.close();
report.finish();

/** Stops the store while these calls are unread. */
async function exits(who: string, calls: readonly ClientRequest[]): Promise<void> {
  await pause(1_500);
  const unread = proxy.openCalls(READ).length;
  const asked = performance.now();
  const code = await Promise.race([umadb.stop("SIGTERM"), pause(20_000).then(() => "still there")]);
  const ms = performance.now() - asked;
  const goaways = proxy.goaways().filter(({ by, at }) => by === "server" && at >= asked).map(({ at }) => Math.round(at - asked));
  const ends = proxy.calls(READ).flatMap(({ end }) => (end !== undefined && end.at >= asked ? [end.at - asked] : []));
  const how = proxy.calls(READ).flatMap(({ end }) => (end !== undefined && end.at >= asked ? [`${end.how} by ${end.by}`] : []));
  const tally = Object.fromEntries([...new Set(how)].map((one) => [one, how.filter((other) => other === one).length]));
  report.note("after SIGTERM, in ms", { unread, goaways, ended: spread(ends), ...tally });
  report.check(`${who}: the store exits within 3 s of SIGTERM`, code === 0 && ms < 3_000, { code, ms });
  for (const call of calls) call.destroy();
}

/** The highest of a few looks, half a second apart: windows fill slowly. */
async function highest(looks: number): Promise<Usage> {
  let top = await gateway.usage();
  for (let n = 0; n < looks; n++) {
    await pause(500);
    const next = await gateway.usage();
    if (held(next) > held(top)) top = next;
  }
  return top;
}

/** Array buffers are part of what is external. */
function held({ external }: Usage): number {
  return external;
}

/** That they are there at all, and how much of each has left the store. */
function upstream(): { open: number; leastMb: number; mostMb: number } {
  const sizes = proxy.openCalls(READ).map(({ responseBytes }) => responseBytes / 1e6);
  return { open: sizes.length, leastMb: Math.min(...sizes), mostMb: Math.max(...sizes) };
}

function grown(usage: Usage): number {
  return held(usage) - held(idle);
}

function megabytes(usage: Usage): Record<string, number> {
  const mb = (key: "external" | "arrayBuffers" | "heapUsed" | "rss"): number => (usage[key] - idle[key]) / 1e6;
  return { external: mb("external"), arrayBuffers: mb("arrayBuffers"), heap: mb("heapUsed"), rss: mb("rss") };
}
