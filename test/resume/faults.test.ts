import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../gateway/support/grpc-web.js";
import { randomFrom } from "../support/random-message.js";
import { drawFaults, strike, tally } from "./fault-plan.js";
import { faultsOf, Follower, type Taking } from "./follower.js";
import { startPaths, type Paths, type Way } from "./paths.js";
import { eventOf, Writer } from "./writer.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const FAULTS = process.env["MILLRACE_LONG"] === "1" ? 1_000 : 100;
const STORED = 300;
const RED = { items: [{ tags: ["red"] }] };
const MIXED = { items: [{ types: ["number-1"] }, { tags: ["blue"] }] };

interface Plan {
  readonly query?: { items: { tags?: string[]; types?: string[] }[] };
  readonly after: bigint | "end";
  readonly batchSize: number;
  readonly taking: Taking;
}

const PLANS: readonly Plan[] = [
  { after: 0n, batchSize: 1, taking: "values" },
  { after: 0n, batchSize: 4_096, taking: "batches", query: RED },
  { after: 150n, batchSize: 5, taking: "objects", query: MIXED },
  { after: "end", batchSize: 1_024, taking: "pieces" },
  { after: "end", batchSize: 2, taking: "batches", query: RED },
];

describe("umadb.subscribe() under faults", () => {
  let paths: Paths;
  const rejections: unknown[] = [];
  const warnings: Error[] = [];
  const reject = (reason: unknown): void => void rejections.push(reason);
  const warn = (warning: Error): void => void warnings.push(warning);

  beforeAll(async () => {
    process.on("unhandledRejection", reject);
    process.on("warning", warn);
    paths = await startPaths();
    const random = randomFrom(seed, "stored");
    await paths.store.append(Array.from({ length: STORED }, (_, n) => eventOf(random, n)));
  });

  afterAll(async () => {
    await paths.close();
    process.off("unhandledRejection", reject);
    process.off("warning", warn);
  });

  it(`loses, repeats and disorders nothing in ${FAULTS} faults on both stretches of the way, and leaves nothing behind`, async () => {
    const { proxies, store } = paths;
    const signal = new AbortController().signal;
    const timersBefore = timers();
    const followers = (["fetch", "http2"] as const).flatMap((way) => PLANS.map((plan) => ({ plan, follower: follow(paths, way, plan, signal) })));
    const begun = await Promise.all(followers.map(async ({ plan, follower }) => {
      await follower.subscription.opened;
      return { follower, after: plan.after === "end" ? BigInt(STORED) : plan.after };
    }));

    const writer = new Writer(store, randomFrom(seed, "writer"));
    const all = Object.values(proxies);
    const struck = (): number => all.reduce((sum, proxy) => sum + proxy.struck.length, 0);
    for (const { proxy, fault } of drawFaults(randomFrom(seed, "faults"))) {
      await strike(proxies[proxy], fault);
      if (struck() >= FAULTS && followers.every(({ follower }) => follower.losses > 0)) break;
    }
    const counts = tally(all);
    console.info(JSON.stringify({ faults: struck(), ...counts, events: writer.count }));
    await writer.stop();

    // What ends every subscription's query lets it be known when all have come.
    const last = await store.append([{ type: "number-1", tags: ["red", "blue"], data: new Uint8Array() }]);
    await until("every subscription has the last event", () => followers.every(({ follower }) => follower.last === last), 20_000);
    const wrong = await Promise.all(begun.map(({ follower, after }) => faultsOf(follower, store, after)));
    expect(wrong.flat()).toEqual([]);
    for (const phase of ["connecting", "request", "awaiting", "mid-frame", "idle"]) {
      expect(counts[phase], phase).toBeGreaterThanOrEqual(struck() * 0.05);
    }

    const closedIn = await Promise.all(followers.map(({ follower }) => msToEnd(follower)));
    expect(Math.max(...closedIn)).toBeLessThan(100);
    await paths.closeClients();
    await until("no call is left", () => all.every(({ phases }) => phases.every((phase) => phase === "quiet" || phase === "connecting")));
    await until("no connection of the http2 clients is left", () => proxies.native.open === 0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await until(`no timer is left beside the ${timersBefore} there were`, () => timers() <= timersBefore);
    expect(rejections).toEqual([]);
    expect(warnings).toEqual([]);
  }, FAULTS * 400 + 40_000);
});

function follow(paths: Paths, way: Way, { query, after, batchSize, taking }: Plan, signal: AbortSignal): Follower {
  const name = `${way}, ${query === undefined ? "everything" : JSON.stringify(query.items)} after ${after} by ${batchSize}, as ${taking}`;
  return new Follower(paths.client(way), { name, query, taking, options: { after, batchSize, signal } });
}

/** Milliseconds from `close()` until the iteration has ended. */
async function msToEnd({ subscription, done }: Follower): Promise<number> {
  const started = performance.now();
  await subscription.close();
  await done;
  return performance.now() - started;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
}
