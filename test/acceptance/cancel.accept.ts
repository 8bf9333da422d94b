// Leaving a call frees it at the store within 100 ms; a path that goes silent is noticed within 40 s.
import { http2Carrier } from "millrace/carrier/http2";
import { isMillraceError } from "millrace";
import { UmaDb, type UmaDbOptions } from "millrace/umadb";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startCutter } from "./support/cutter.js";
import { startGateway } from "./support/gateway.js";
import { Report, spread } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { pause } from "./support/wait.js";

const ROUNDS = 10;
const report = new Report();
const umadb = await startUmaDb();
const store = new Store(umadb.url);
await store.fill(20_000, 500, (n) => event("filler", [`n-${n}`], new Uint8Array(2_000)));
const proxy = await startCountingProxy({ target: umadb.url });
const gateway = await startGateway({ umadb: proxy.url });

for (const [name, options] of [
  ["through the gateway", { url: gateway.url }],
  ["by http2", { carrier: http2Carrier({ url: proxy.url }) }],
] as const) {
  const db = new UmaDb(options as UmaDbOptions);
  await frees(`${name}: break out of a subscription`, async () => {
    for await (const _ of db.subscribe(undefined, { after: 19_000n })) break;
    return performance.now();
  });
  await frees(`${name}: break out of a read`, async () => {
    for await (const _ of db.read()) break;
    return performance.now();
  });
  await frees(`${name}: abort a live subscription`, async () => {
    const own = new AbortController();
    const next = db.subscribe(undefined, { after: "end", signal: own.signal })[Symbol.asyncIterator]().next();
    await proxy.until(() => proxy.openCalls("/umadb.v1.DCB/Subscribe").some(({ answeredAt }) => answeredAt !== undefined), 2_000);
    await pause(20);
    const reason = new Error("left");
    own.abort(reason);
    const at = performance.now();
    const kept = await next.then(() => "", (error: unknown) => error);
    if (kept !== reason) report.check(`${name}: the abort's reason is kept`, false, String(kept));
    return at;
  });
  await frees(`${name}: abort a read under way`, async () => {
    const own = new AbortController();
    const iterator = db.read(undefined, { signal: own.signal })[Symbol.asyncIterator]();
    await iterator.next();
    own.abort(new Error("left"));
    const at = performance.now();
    await iterator.next().catch(() => undefined);
    return at;
  });
  await frees(`${name}: time out on a subscription`, async () => {
    const iterator = db.subscribe(undefined, { after: 20_000n, timeoutMs: 150 })[Symbol.asyncIterator]();
    const started = performance.now();
    const error: unknown = await iterator.next().then(() => undefined, (one: unknown) => one);
    if (!isMillraceError(error, "timeout")) report.check(`${name}: a timeout says so`, false, String(error));
    return started + 150;
  }, 130);
  await db.close();
}

await unaryTimeout();
await silence();
store.close();
await gateway.stop();
await proxy.close();
await umadb.close();
report.finish();

/** @param allowedMs Beside the 100 ms, what the timer itself may be late. */
async function frees(what: string, leave: () => Promise<number>, allowedMs = 100): Promise<void> {
  const delays: number[] = [];
  let reset = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = new Set(proxy.calls());
    const at = await leave();
    const mine = (): ReturnType<typeof proxy.calls> => proxy.calls().filter((call) => !before.has(call) && /Read|Subscribe/.test(call.path));
    await proxy.until(() => mine().every(({ end }) => end !== undefined), 5_000).catch(() => undefined);
    if (mine().some(({ end }) => end?.how === "reset" && end.by === "client")) reset++;
    delays.push(Math.max(...mine().map(({ end }) => (end === undefined ? Infinity : end.at - at))));
  }
  report.check(`${what}: frees the upstream call within 100 ms`, reset === ROUNDS && Math.max(...delays) < allowedMs, { reset, ...spread(delays) });
}

async function unaryTimeout(): Promise<void> {
  const own = await startCountingProxy({ target: umadb.url, fault: (_, stage) => (stage === "opened" ? { kind: "freeze", direction: "to-client" } : undefined) });
  const front = await startGateway({ umadb: own.url });
  const db = new UmaDb({ url: front.url, retry: false });
  const started = performance.now();
  const error: unknown = await db.head({ timeoutMs: 400 }).then(() => undefined, (one: unknown) => one);
  const ms = performance.now() - started;
  await own.until(() => own.counts("/umadb.v1.DCB/Head").open === 0, 2_000).catch(() => undefined);
  const end = own.calls("/umadb.v1.DCB/Head")[0]?.end;
  const freedAfter = end === undefined ? Infinity : end.at - started - 400;
  report.check("a unary call that times out: frees the upstream call within 100 ms", isMillraceError(error, "timeout") && freedAfter < 100 && ms < 600, { freedAfter, ms, error: String(error), how: end?.how });
  await db.close();
  await front.stop();
  await own.close();
}

async function silence(): Promise<void> {
  const relay = await startCutter({ port: () => gateway.port, path: "/none", delayMs: () => 0 });
  const before = new UmaDb({ url: relay.url });
  const noticed = await noticeAfter(before, () => relay.freeze());
  report.check("a path to the gateway that goes silent is noticed within 40 s", noticed.ms < 40_000 && noticed.ms > 1_000, noticed);
  await before.close();
  await relay.close();

  const own = await startCountingProxy({ target: umadb.url });
  const front = await startGateway({ umadb: own.url });
  const behind = new UmaDb({ url: front.url });
  const upstream = await noticeAfter(behind, () => own.connections.forEach((connection) => connection.freeze()));
  report.check("a path to the store that goes silent is noticed within 40 s", upstream.ms < 40_000, upstream);
  await behind.close();
  await front.stop();
  await own.close();
}

/** How long after the freeze a live subscription says that its connection is lost. */
async function noticeAfter(db: UmaDb, freeze: () => void): Promise<{ ms: number; saw: string }> {
  const subscription = db.subscribe(undefined, { after: 19_999n });
  const iterator = subscription[Symbol.asyncIterator]();
  await iterator.next();
  const left = new Promise<string>((resolve) => {
    subscription.onStateChange((state) => {
      if (state.kind === "waiting" || state.kind === "closed") resolve(`${state.kind}: ${String("cause" in state ? state.cause : "")}`);
    });
    iterator.next().then(
      ({ done }) => resolve(done === true ? "ended" : "an event"),
      (error: unknown) => resolve(String(error)),
    );
  });
  freeze();
  const started = performance.now();
  const saw = await Promise.race([left, pause(45_000).then(() => "nothing")]);
  return { ms: performance.now() - started, saw };
}
