import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { isMillraceError } from "millrace";
import { UmaDb, type NewEvent } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type LocalGateway } from "../support/backends.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

const APPENDS = Number(process.env["MILLRACE_CUT_APPENDS"] ?? 200);

type Fate = "pass" | "cut before" | "cut after sending" | "cut at the answer";

/** Passes connections to a gateway on, and resets the one that carries the next append when `fate` says so. */
class CuttingProxy {
  fate: Fate = "pass";
  cuts = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(target: URL) {
    this.#server = createServer((client) => this.#join(client, connect(Number(target.port), target.hostname)));
  }

  #join(client: Socket, gateway: Socket): void {
    let fate: Fate = "pass";
    const reset = (): void => {
      client.resetAndDestroy();
      gateway.resetAndDestroy();
    };
    for (const socket of [client, gateway]) {
      this.#sockets.add(socket);
      socket.on("error", reset);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        reset();
      });
    }
    client.on("data", (bytes) => {
      if (bytes.includes("/umadb.v1.DCB/Append")) fate = this.#takeFate();
      if (fate === "cut before") return reset();
      // The reset waits until the bytes have been handed to the kernel, and a turn of the loop more.
      gateway.write(bytes, () => { if (fate === "cut after sending") setImmediate(reset); });
    });
    gateway.on("data", (bytes) => {
      if (fate === "cut at the answer") reset();
      else client.write(bytes);
    });
  }

  #takeFate(): Fate {
    const { fate } = this;
    if (fate !== "pass") this.cuts++;
    this.fate = "pass";
    return fate;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("an append that is cut after it was sent", () => {
  let server: UmaDbServer;
  let gateway: LocalGateway;
  let proxy: CuttingProxy;
  let cut: UmaDb;
  let honest: UmaDb;

  beforeAll(async () => {
    server = await startUmaDb();
    gateway = await startGateway(server);
    proxy = new CuttingProxy(new URL(gateway.url));
    cut = new UmaDb({ url: await proxy.listen(), retry: { baseMs: 5 } });
    honest = new UmaDb({ url: gateway.url });
  });
  afterAll(async () => {
    await cut.close();
    await honest.close();
    await proxy.close();
    await gateway.close();
    await server.close();
  });

  it(`is reported as the store then shows it, ${APPENDS} times`, async () => {
    const outcomes = { applied: 0, conflict: 0, unknown: 0 };
    const fates: readonly Fate[] = ["cut before", "cut after sending", "cut at the answer"];
    for (let i = 0; i < APPENDS; i++) {
      const tag = `entity:${i}`;
      const matching = i % 2 === 0;
      const query = { items: [{ tags: [tag] }] };
      const before = await honest.append([{ type: "Created", tags: [tag], data: new Uint8Array(0) }]);
      const interfered = i % 5 === 0;
      if (interfered) await honest.append([{ type: "Interfered", tags: [tag], data: new Uint8Array(0) }]);
      const events: NewEvent[] = Array.from({ length: (i % 3) + 1 }, () => ({ type: "Ours", tags: [matching ? tag : `${tag}:other`], data: new Uint8Array(0), uuid: crypto.randomUUID() }));
      proxy.fate = fates[i % 3] as Fate;
      const outcome = await cut.append(events, { condition: { failIfEventsMatch: query, after: before } }).catch((error: unknown) => error);
      expect(proxy.fate).toBe("pass");

      const stored = (await honest.read({ items: [{ types: ["Ours"], tags: [matching ? tag : `${tag}:other`] }] }).toArray()).map((one) => one.toObject());
      if (typeof outcome === "bigint") {
        outcomes.applied++;
        expect(stored.map(({ event }) => event.uuid)).toEqual(events.map(({ uuid }) => uuid));
        expect(stored.at(-1)?.position).toBe(outcome);
        expect(interfered).toBe(false);
      } else if (isMillraceError(outcome, "conflict")) {
        outcomes.conflict++;
        expect(stored).toEqual([]);
        expect(interfered).toBe(true);
      } else {
        expect(outcome).toMatchObject({ code: "unavailable", applied: "unknown" });
        outcomes.unknown++;
        // What cannot be settled is an append whose events do not match their own condition, and that is not stored yet.
        expect(matching).toBe(false);
        expect([0, events.length]).toContain(stored.length);
      }
    }
    console.log(`${APPENDS} cut appends: ${JSON.stringify(outcomes)}, ${proxy.cuts} cuts`);
    expect(proxy.cuts).toBe(APPENDS);
    expect(outcomes.applied).toBeGreaterThan(APPENDS / 4);
    expect(outcomes.conflict).toBeGreaterThan(APPENDS / 10);
  }, 60_000 + APPENDS * 100);
});
