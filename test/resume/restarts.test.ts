import { describe, expect, it } from "vitest";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { until } from "../gateway/support/grpc-web.js";
import { startGatewayCommand, type GatewayCommand } from "../support/gateway-command.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { faultsOf, Follower, type Taking } from "./follower.js";

const EVENTS = 10_000;
const PER_APPEND = 50;
const retry = { baseMs: 5, maxMs: 50 };

/** A gateway's own process, which comes back at the address it had. */
class Gateway {
  #command: GatewayCommand;
  readonly #umadb: string;

  private constructor(umadb: string, command: GatewayCommand) {
    this.#umadb = umadb;
    this.#command = command;
  }

  static async start(umadb: string): Promise<Gateway> {
    return new Gateway(umadb, await startGatewayCommand(argumentsFor(umadb)));
  }

  get url(): string {
    return this.#command.url;
  }

  async killAndRestart(): Promise<void> {
    const { url, pid } = this.#command;
    process.kill(pid, "SIGKILL");
    await this.#command.close();
    this.#command = await startGatewayCommand([...argumentsFor(this.#umadb), "--listen", new URL(url).host]);
  }

  async close(): Promise<void> {
    await this.#command.close();
  }
}

const argumentsFor = (umadb: string): string[] => ["--umadb", umadb, "--allow-all"];

/** Appends until the store holds that many events, whatever happens to the server; `at` is told how many there are. */
async function fill(store: UmaDb, at: (stored: number) => void): Promise<bigint> {
  for (let next = 0; ; ) {
    try {
      const stored = Number((await store.head()) ?? 0n);
      at(stored);
      if (stored >= EVENTS) return BigInt(stored);
      const count = Math.min(PER_APPEND, EVENTS - stored);
      const events = Array.from({ length: count }, () => ({ type: "counted", tags: next % 2 === 0 ? ["even"] : [], data: new TextEncoder().encode(String(next++)) }));
      await store.append(events);
    } catch {
      // The server is away. Whether the append was recorded is what the head says when it is back.
    }
  }
}

describe("umadb.subscribe() and processes that are killed", () => {
  it(`loses, repeats and disorders nothing of ${EVENTS} events when UmaDB, then the gateway, is killed and started again`, async () => {
    const server: UmaDbServer = await startUmaDb();
    const gateway = await Gateway.start(server.url);
    const carrier = http2Carrier({ url: server.url });
    const store = new UmaDb({ carrier, retry });
    const clients = [store];
    const follow = (way: "fetch" | "http2", taking: Taking, even: boolean): Follower => {
      const db = new UmaDb(way === "fetch" ? { url: gateway.url, retry } : { carrier, retry });
      clients.push(db);
      return new Follower(db, { name: `${way}, ${even ? "even" : "all"}, as ${taking}`, taking, query: even ? { items: [{ tags: ["even"] }] } : undefined, options: {} });
    };
    const followers = [follow("fetch", "values", false), follow("fetch", "batches", true), follow("fetch", "objects", false), follow("http2", "batches", false), follow("http2", "pieces", true)];
    try {
      await Promise.all(followers.map(({ subscription }) => subscription.opened));
      const killings: Promise<void>[] = [];
      const steps = [
        { after: EVENTS / 4, kill: async () => { await server.stop("SIGKILL"); await server.restart(); } },
        { after: EVENTS / 2, kill: () => gateway.killAndRestart() },
      ];
      const stored = await fill(store, (count) => {
        if (steps[0] !== undefined && count >= steps[0].after) killings.push((steps.shift() as (typeof steps)[number]).kill());
      });
      await Promise.all(killings);
      expect(killings).toHaveLength(2);
      expect(stored).toBe(BigInt(EVENTS));

      const last = await store.append([{ type: "last", tags: ["even"], data: new Uint8Array() }]);
      await until("every follower has the last event", () => followers.every((follower) => follower.last === last), 30_000);
      expect((await Promise.all(followers.map((follower) => faultsOf(follower, store, 0n)))).flat()).toEqual([]);
      // Those behind the gateway saw two ends, the others one.
      expect(followers.map(({ losses }) => losses >= 1)).toEqual([true, true, true, true, true]);
      expect(followers.slice(0, 3).filter(({ losses }) => losses < 2)).toEqual([]);
      for (const { subscription, done } of followers) {
        await subscription.close();
        await done;
      }
    } finally {
      for (const client of clients) await client.close();
      await carrier.close();
      await gateway.close();
      await server.close();
    }
  }, 90_000);
});
