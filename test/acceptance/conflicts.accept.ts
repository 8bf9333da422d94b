// 100 conflicts on a stored event of 64 KiB: each ends in time and truthfully, and 20 neighbours notice nothing.
import { AppendConditionError, UmaDb } from "millrace/umadb";
import { isMillraceError } from "millrace";
import { startUmaDb } from "../support/umadb.js";
import { startGateway } from "./support/gateway.js";
import { Neighbours } from "./support/neighbours.js";
import { Report, spread } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { inParallel } from "./support/wait.js";

const report = new Report();
const CONFLICTS = 100;

for (const size of [64 * 1024, 12_500, 8_000]) {
  for (const width of [10, CONFLICTS]) await conflicts(size, width);
}
report.finish();

async function conflicts(size: number, width: number): Promise<void> {
  const umadb = await startUmaDb();
  const gateway = await startGateway({ umadb: umadb.url });
  const store = new Store(umadb.url);
  await store.append([event("Taken", ["seat"], crypto.getRandomValues(new Uint8Array(size)))]);
  const neighbours = await Neighbours.start(gateway.url, store, 20);
  const db = new UmaDb({ url: gateway.url, timeoutMs: 30_000 });
  const times: number[] = [];
  const outcomes: Record<string, number> = {};
  await inParallel(CONFLICTS, width, async (n) => {
    const started = performance.now();
    const outcome = await outcomeOf(db, n);
    times.push(performance.now() - started);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  });
  const figures = await neighbours.stop();
  await db.close();
  const stored = (await store.all()).filter(({ event: one }) => one?.eventType === "TakenAgain").length;

  const what = `${CONFLICTS} conflicts on ${size} bytes, ${width} at a time`;
  const truthful = (outcomes["conflict"] ?? 0) + (outcomes["unknown"] ?? 0) === CONFLICTS;
  report.check(`${what}: each ends within 3 s`, Math.max(...times) < 3_000, spread(times));
  report.check(`${what}: as a conflict, or as unknown`, truthful && stored === 0, { ...outcomes, stored });
  report.check(`${what}: 20 neighbours miss nothing and stay connected`, figures.missed === 0 && figures.disturbed === 0 && figures.disordered === 0 && figures.written > 5, {
    ...figures,
    deliveryMs: spread(figures.deliveryMs),
  });
  store.close();
  await gateway.stop();
  await umadb.close();
}

async function outcomeOf(db: UmaDb, n: number): Promise<string> {
  try {
    await db.append([{ type: "TakenAgain", tags: ["seat"], data: new Uint8Array(10 + n) }], { condition: { failIfEventsMatch: { items: [{ tags: ["seat"] }] } } });
    return "appended";
  } catch (error) {
    if (error instanceof AppendConditionError) return "conflict";
    if (isMillraceError(error, "unavailable") && error.applied === "unknown") return "unknown";
    return String(error);
  }
}
