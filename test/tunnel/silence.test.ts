import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { tunnelCarrier } from "millrace/carrier";
import { encodeHeaderBlock } from "millrace/internal/wire/header-block";
import { encodeYamuxData, encodeYamuxHeader, yamuxFlag, yamuxType } from "millrace/internal/wire/yamux";
import { UmaDb } from "millrace/umadb";
import { OccasionalWarnings } from "../../server/gateway/occasional-warnings.js";
import { Tunnel, type TunnelOptions } from "../../server/gateway/tunnel.js";
import { startGatewayCommand } from "../support/gateway-command.js";
import { startUmaDb } from "../support/umadb.js";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
});

/** The event loop's own turn, which no fake clock moves. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

async function settled(what: string, condition: () => boolean): Promise<void> {
  const until = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`Not within 10 s: ${what}`);
    await turn();
  }
}

/** A path that can go silent: nothing moves on the connections there are, and nothing says so. */
async function startSilencer(target: string): Promise<{ url: string; silence(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(target).port), "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}

const event = (n: number) => ({ type: "counted", tags: [], data: new Uint8Array([n]) });

describe("umadb.subscribe() in a tunnel on a path that goes silent", () => {
  async function following() {
    const umadb = await startUmaDb();
    closing.push(() => umadb.close());
    const gateway = await startGatewayCommand(["--allow-all", "--umadb", umadb.url]);
    closing.push(() => gateway.close());
    const path = await startSilencer(gateway.url);
    const store = new UmaDb({ url: gateway.url, fetch: globalThis.fetch });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    const carrier = tunnelCarrier({ url: path.url, webSocket: WebSocket });
    const db = new UmaDb({ carrier, retry: { baseMs: 1, maxMs: 1 } });
    closing.push(() => carrier.close(), () => db.close(), () => store.close());
    const subscription = db.subscribe();
    const seen: bigint[] = [];
    void (async () => { for await (const { position } of subscription) seen.push(position); })().catch(() => undefined);
    await store.append([event(1)]);
    await settled("the first event is there", () => seen.length === 1 && subscription.state.kind === "live");
    return { path, store, subscription, seen };
  }

  it("notices it after 37.5 s, and loses nothing", async () => {
    const { path, store, subscription, seen } = await following();
    path.silence();
    await store.append([event(2), event(3)]);
    await vi.advanceTimersByTimeAsync(37_400);
    expect([subscription.state.kind, seen]).toEqual(["live", [1n]]);
    await vi.advanceTimersByTimeAsync(100);
    expect(subscription.state).toMatchObject({ kind: "waiting", cause: { code: "unavailable", message: expect.stringContaining("was silent for 37500 ms") } });
    await vi.advanceTimersByTimeAsync(10);
    await settled("what was missed is there", () => seen.length === 3);
    expect(seen).toEqual([1n, 2n, 3n]);
  }, 30_000);

  it("notices it within 40 s after its machine slept, not at once", async () => {
    const { path, store, subscription, seen } = await following();
    path.silence();
    await store.append([event(2)]);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(subscription.state.kind).toBe("live");
    await vi.advanceTimersByTimeAsync(22_500);
    expect(subscription.state.kind).toBe("waiting");
    await vi.advanceTimersByTimeAsync(10);
    await settled("what was missed is there", () => seen.length === 2);
    expect(seen).toEqual([1n, 2n]);
  }, 30_000);
});

/** A gateway's end of a tunnel, on a socket that only records. */
function openTunnelEnd(options: Partial<TunnelOptions> = {}) {
  const sent: Uint8Array[] = [];
  const ends: (number | "destroyed")[] = [];
  const warned: object[] = [];
  const tunnel = new Tunnel({
    socket: { waitingBytes: 0, send: (message) => void sent.push(message), pause: () => undefined, resume: () => undefined, close: (code) => void ends.push(code), destroy: () => void ends.push("destroyed") },
    address: "127.0.0.1",
    maxCalls: 10,
    handle: () => undefined,
    warnings: new OccasionalWarnings({ info: () => undefined, warn: (fields, text) => void warned.push({ ...fields, text }) }),
    ...options,
  });
  tunnel.receive(encodeHeaderBlock(undefined, []));
  return { tunnel, sent, ends, warned };
}

const pong = encodeYamuxHeader(yamuxType.ping, yamuxFlag.ack, 0, 1);

describe("gateway: a tunnel whose peer goes silent", () => {
  it("is given up after 37.5 s, and pings meanwhile", async () => {
    vi.useFakeTimers();
    const { tunnel, sent, ends } = openTunnelEnd();
    await vi.advanceTimersByTimeAsync(30_000);
    tunnel.receive(pong);
    await vi.advanceTimersByTimeAsync(37_499);
    expect(ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(ends).toEqual(["destroyed"]);
    expect(sent.filter((bytes) => bytes[1] === yamuxType.ping).length).toBeGreaterThanOrEqual(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not given up because the gateway's own machine slept: what it did not listen to does not count", async () => {
    vi.useFakeTimers();
    const { tunnel, ends } = openTunnelEnd();
    await vi.advanceTimersByTimeAsync(7_500);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(7_500);
    tunnel.receive(pong);
    await vi.advanceTimersByTimeAsync(37_499);
    expect(ends).toEqual([]);
    tunnel.lost();
  });
});

describe("gateway: a tunnel that fails", () => {
  const call = encodeYamuxData(yamuxFlag.syn, 1, encodeHeaderBlock("/t.T/Unary", []));

  it("is closed with 1002 when its peer breaks the protocol, which is nothing to warn of", () => {
    const { tunnel, ends, warned } = openTunnelEnd();
    tunnel.receive(encodeYamuxHeader(yamuxType.windowUpdate, 0, 0, 1));
    expect([ends, warned]).toEqual([[1002], []]);
  });

  it("is closed with 1011 when the gateway itself fails, and that is logged", () => {
    const failure = new Error("A bug");
    const { tunnel, ends, warned } = openTunnelEnd({ handle: () => { throw failure; } });
    tunnel.receive(call);
    expect([ends, warned]).toEqual([[1011], [{ err: failure, text: "A tunnel failed and was closed" }]]);
  });
});
