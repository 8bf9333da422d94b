import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { text } from "millrace";
import { until } from "../gateway/support/grpc-web.js";
import { startPaths, type Paths, type Way } from "./paths.js";

/** More than the sockets of both stretches take in. */
const EVENTS = 4_000;
const EVENT_BYTES = 8_000;

describe("umadb.subscribe() left unread", () => {
  let paths: Paths;
  beforeAll(async () => { paths = await startPaths({ stallMs: 300 }); });
  afterAll(() => paths.close());

  it.each<{ way: Way; cause: object }>([
    { way: "fetch", cause: { code: "unavailable", reason: "stalled" } },
    { way: "tunnel", cause: { code: "unavailable" } },
  ])("is ended by the gateway, and goes on at its place with the next next(): $way", async ({ way, cause }) => {
    const { store, proxies: { upstream } } = paths;
    const data = new Uint8Array(EVENT_BYTES).fill(120);
    const append = (count: number, from: number) => store.append(Array.from({ length: count }, (_, n) => ({ type: `number-${from + n}`, tags: [], data })));
    const after = (await store.head()) ?? 0n;
    for (let from = 0; from < EVENTS; from += 400) await append(400, from);

    const subscription = paths.client(way).subscribe(undefined, { after, batchSize: 50 });
    const events = subscription.values({ preventCancel: true });
    const seen: string[] = [];
    const take = async (until: number): Promise<void> => {
      while (seen.length < until) {
        const { value } = await events.next();
        if (value === undefined) throw new Error("The subscription ended");
        expect(text(value.event.data)).toHaveLength(EVENT_BYTES);
        seen.push(`${value.position} ${value.event.type}`);
      }
    };
    await take(100);
    await until("the gateway has left the store", () => upstream.phases.every((phase) => phase === "quiet"));
    expect(subscription.state.kind).not.toBe("waiting");

    const causes: unknown[] = [];
    subscription.onStateChange((state) => { if (state.kind === "waiting") causes.push(state.cause); });
    await append(100, EVENTS);
    await take(EVENTS + 100);
    expect(seen).toEqual(Array.from({ length: EVENTS + 100 }, (_, n) => `${after + BigInt(n + 1)} number-${n}`));
    expect(causes.length).toBeGreaterThan(0);
    expect(causes[0]).toMatchObject(cause);
    await subscription.close();
  }, 30_000);
});
