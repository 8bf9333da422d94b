// 1 000 conditional appends whose answer never came: whatever is reported agrees with the store afterwards.
import { isMillraceError } from "millrace";
import { AppendConditionError, UmaDb, type NewEvent } from "millrace/umadb";
import { startCountingProxy, type CountingProxy } from "../support/counting-proxy.js";
import type { FaultRule } from "../support/fault.js";
import { startUmaDb } from "../support/umadb.js";
import { startCutter } from "./support/cutter.js";
import { startGateway, type Gateway } from "./support/gateway.js";
import { Report } from "./support/report.js";
import { event, Store } from "./support/store.js";
import { inParallel, pause } from "./support/wait.js";

const APPEND = "/umadb.v1.DCB/Append";
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const report = new Report();

/** One append, what was reported of it, and what its events look like to its own condition. */
interface Attempt {
  readonly uuids: readonly string[];
  readonly tag: string;
  readonly matchesItself: boolean;
  /** Whether an event that forbids it was stored before. */
  readonly forbidden: boolean;
  outcome: "applied" | "conflict" | "unknown" | "no" | "other";
  position: bigint | undefined;
  detail: string;
}

const cut: FaultRule = ({ path }, stage) => (path === APPEND && stage === "request-end" && Math.random() < 0.8 ? { kind: "cut" } : undefined);
const unanswered: FaultRule = ({ path }, stage) => (path === APPEND && stage === "answered" && Math.random() < 0.8 ? { kind: "cut", server: "linger" } : undefined);
const frozen: FaultRule = ({ path }, stage) => (path === APPEND && stage === "request-end" && Math.random() < 0.8 ? { kind: "freeze", direction: "to-client" } : undefined);

await scenario("the client's connection is reset", { attempts: 200, width: 12, repeatsPass: true }, async ({ gateway, run }) => {
  const cutter = await startCutter({ port: () => gateway().port, path: APPEND, delayMs: () => Math.random() * 4 });
  const known = new Set<string>();
  // A repeat carries the same uuids: it goes through.
  cutter.cuts = (request) => {
    const [uuid = ""] = UUID.exec(request) ?? [];
    return !known.has(uuid) && known.add(uuid) !== undefined && Math.random() < 0.8;
  };
  await run(cutter.url);
  report.note("connections cut", cutter.count);
  await cutter.close();
});
for (const [what, fault, width] of [["is reset after the request", cut, 12], ["is reset before the answer", unanswered, 12], ["freezes", frozen, 24]] as const) {
  await scenario(`the upstream session ${what}, ${width} at a time`, { attempts: 200, width, repeatsPass: false }, async ({ proxy, gateway, run }) => {
    let faults = 0;
    proxy.fault = (call, stage) => {
      const chosen = fault(call, stage);
      if (chosen !== undefined) faults++;
      return chosen;
    };
    await run(gateway().url);
    report.check(`the upstream session ${what}, ${width} at a time: most appends were hit`, faults > 100, { faults });
  });
  await scenario(`the upstream session ${what}, one at a time`, { attempts: 40, width: 1, repeatsPass: true }, async ({ proxy, gateway, run }) => {
    let armed = false;
    proxy.fault = (call, stage) => {
      const chosen = armed ? fault(call, stage) : undefined;
      if (chosen !== undefined) armed = false;
      return chosen;
    };
    await run(gateway().url, () => (armed = true));
  });
}
await scenario("the gateway is killed and comes back", { attempts: 200, width: 12, repeatsPass: false }, async ({ gateway, restart, run }) => {
  let running = true;
  const killer = (async () => {
    while (running) {
      await pause(150 + Math.random() * 150);
      await restart();
    }
  })();
  await run(gateway().url);
  running = false;
  await killer;
});
report.finish();

interface Scene {
  readonly proxy: CountingProxy;
  gateway(): Gateway;
  restart(): Promise<void>;
  /** @param before Called before each append. */
  run(url: string, before?: () => void): Promise<void>;
}

interface Plan {
  readonly attempts: number;
  readonly width: number;
  /** Whether the fault leaves the one repeat alone, so that an event that matches its own condition cannot stay unknown. */
  readonly repeatsPass: boolean;
}

async function scenario(name: string, plan: Plan, play: (scene: Scene) => Promise<void>): Promise<void> {
  const umadb = await startUmaDb();
  const store = new Store(umadb.url);
  // A scan that takes a moment, so that a cut finds the append under way.
  await store.fill(20_000, 1_000, (n) => event("Old", [`old-${n}`], new Uint8Array(100)));
  const proxy = await startCountingProxy({ target: umadb.url });
  let gateway = await startGateway({ umadb: proxy.url });
  let attempts: Attempt[] = [];
  const { port } = gateway;
  await play({
    proxy,
    gateway: () => gateway,
    async restart() {
      await gateway.stop("SIGKILL");
      gateway = await startGateway({ umadb: proxy.url, port });
    },
    async run(url, before) {
      attempts = await appendAll(url, store, plan, before);
    },
  });
  await pause(500);
  judge(name, plan, attempts, await store.all());
  store.close();
  await gateway.stop("SIGKILL");
  await proxy.close();
  await umadb.close();
}

async function appendAll(url: string, store: Store, plan: Plan, before: () => void = () => undefined): Promise<Attempt[]> {
  const db = new UmaDb({ url, timeoutMs: 15_000 });
  const attempts: Attempt[] = [];
  await inParallel(plan.attempts, plan.width, async (n) => {
    const attempt: Attempt = {
      uuids: Array.from({ length: 1 + (n % 3) }, () => crypto.randomUUID()),
      tag: `own-${crypto.randomUUID()}`,
      matchesItself: n % 2 === 0,
      forbidden: n % 5 === 0,
      outcome: "other",
      position: undefined,
      detail: "",
    };
    attempts.push(attempt);
    if (attempt.forbidden) await store.append([event("Forbidding", [attempt.tag], new Uint8Array(8), crypto.randomUUID())]);
    before();
    await append(db, attempt);
  });
  await db.close();
  return attempts;
}

async function append(db: UmaDb, attempt: Attempt): Promise<void> {
  // The condition looks for the tag; an event that does not match its own condition carries another one.
  const tags = attempt.matchesItself ? [attempt.tag] : [`other-${attempt.tag}`];
  const events: NewEvent[] = attempt.uuids.map((uuid) => ({ type: "Own", tags, data: new Uint8Array(20), uuid }));
  try {
    attempt.position = await db.append(events, { condition: { failIfEventsMatch: { items: [{ tags: [attempt.tag] }] } } });
    attempt.outcome = "applied";
  } catch (error) {
    if (error instanceof AppendConditionError) attempt.outcome = "conflict";
    else if (isMillraceError(error)) attempt.outcome = error.applied === "unknown" ? "unknown" : "no";
    attempt.detail = String(error);
  }
}

function judge(name: string, plan: Plan, attempts: readonly Attempt[], stored: Awaited<ReturnType<Store["all"]>>): void {
  const positions = new Map<string, bigint[]>();
  for (const { position, event: one } of stored) if (one?.uuid) positions.set(one.uuid, [...(positions.get(one.uuid) ?? []), position]);
  const copies = (uuid: string): number => positions.get(uuid)?.length ?? 0;
  const inStore = (attempt: Attempt): boolean => attempt.uuids.every((uuid) => copies(uuid) === 1);
  const notInStore = (attempt: Attempt): boolean => attempt.uuids.every((uuid) => copies(uuid) === 0);
  const wrong = attempts.filter((attempt) => {
    if (attempt.outcome === "applied") return !inStore(attempt) || positions.get(attempt.uuids.at(-1) ?? "")?.[0] !== attempt.position || attempt.forbidden;
    if (attempt.outcome === "conflict") return !notInStore(attempt) || !attempt.forbidden;
    if (attempt.outcome === "no") return !notInStore(attempt);
    return attempt.outcome === "other" || !(inStore(attempt) || notInStore(attempt));
  });
  const of = (outcome: Attempt["outcome"], matches: boolean): number => attempts.filter((one) => one.outcome === outcome && one.matchesItself === matches).length;
  const tally = (matches: boolean): Record<string, number> => ({ applied: of("applied", matches), conflict: of("conflict", matches), unknown: of("unknown", matches), no: of("no", matches), other: of("other", matches) });
  report.check(`${name}: every outcome agrees with the store`, wrong.length === 0 && attempts.length === plan.attempts, { wrong: wrong.length, example: wrong[0] });
  report.note("events that match their own condition", tally(true));
  report.note("events that do not", tally(false));
  // What does not match its own condition stays unknown when it is not found, as it may arrive later. What does is repeated.
  const unknown = attempts.filter((one) => one.outcome === "unknown");
  const needless = plan.repeatsPass ? unknown.filter((one) => one.matchesItself) : [];
  report.check(`${name}: unknown only where nothing could tell`, needless.length === 0 && unknown.length < attempts.length / 4, {
    needless: needless.length, unknown: unknown.length, ofThemStored: unknown.filter(inStore).length, example: (needless[0] ?? unknown[0])?.detail,
  });
  const refusals = attempts.filter((one) => one.outcome === "no");
  if (refusals.length > 0) report.note("an example of a refusal", refusals[0]?.detail);
}
