import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "millrace";
import { http2Carrier } from "millrace/carrier/http2";
import { MessageDb } from "millrace/messagedb";
import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { runDev, startDev, type DevCommand } from "./dev-command.js";

/** Whether something listens at `HOST:PORT`. */
function isListening(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

describe("millrace dev", { timeout: 60_000 }, () => {
  let dev: DevCommand;

  beforeAll(async () => {
    dev = await startDev([]);
  }, 60_000);

  afterAll(() => dev?.end("SIGTERM"));

  it("says where everything is, in one line", () => {
    const { ready, url, native, dashboard, demo } = dev.ready;
    expect([ready, demo]).toEqual([true, true]);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(native.umadb).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(dashboard).toBe(`${url}/`);
  });

  it("serves the dashboard", async () => {
    const answer = await fetch(dev.ready.dashboard);
    expect(answer.headers.get("content-type")).toContain("text/html");
    const html = await answer.text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
    expect((await fetch(new URL(script ?? "missing", dev.ready.url))).status).toBe(200);
  });

  it("streams orders through the gateway that its own clients see as well", async () => {
    const page = new UmaDb({ url: dev.ready.url });
    const native = new UmaDb({ carrier: http2Carrier({ url: `http://${dev.ready.native.umadb}` }) });
    const seen: string[] = [];
    for await (const { position, event } of page.subscribe()) {
      seen.push(event.type);
      if (position === 3n) break;
    }
    expect(seen[0]).toBe("OrderPlaced");
    const first = await native.read(undefined, { limit: 3 }).toArray();
    expect(first.map(({ event }) => event.type)).toEqual(seen);
    await Promise.all([page.close(), native.close()]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("ends with 0 at %s, and its server with it", async (signal) => {
    const other = await startDev(["--no-demo"]);
    expect(await isListening(other.ready.native.umadb)).toBe(true);
    expect(await other.end(signal)).toBe(0);
    expect(await isListening(other.ready.native.umadb)).toBe(false);
    expect(await isListening(new URL(other.ready.url).host)).toBe(false);
  });

  it("needs nothing installed", async () => {
    const other = await startDev(["--no-demo"], { MILLRACE_UMADB_BIN: "/nowhere/umadb", PATH: "/nowhere" });
    const db = new UmaDb({ url: other.ready.url });
    expect(await db.append([{ type: "First", data: json({}) }])).toBe(1n);
    await db.close();
    expect(await other.end("SIGTERM")).toBe(0);
  });

  it("ends with 2 when another has the address of --native-umadb", async () => {
    const { code, output } = await runDev(["--listen", "127.0.0.1:0", "--native-umadb", dev.ready.native.umadb]);
    expect(code).toBe(2);
    expect(output).toContain("--native-umadb");
  });

  it("listens for gRPC where --native-umadb says", async () => {
    const before = await startDev(["--no-demo"]);
    await before.end("SIGTERM");
    const { umadb } = before.ready.native;
    const chosen = await startDev(["--no-demo", "--native-umadb", umadb]);
    expect(chosen.ready.native.umadb).toBe(umadb);
    expect(await isListening(umadb)).toBe(true);
    await chosen.end("SIGTERM");
  });

  it.each([
    [["--listen", "0.0.0.0:8080"], "loopback"],
    [["--listen", "8080"], "HOST:PORT"],
    [["--umadb", "localhost:50051"], "--umadb"],
    [["--messagedb", "postgres://127.0.0.1/x", "--data", "x"], "--data"],
    [["--messagedb", "127.0.0.1"], "--messagedb"],
    [["--umadb", "http://127.0.0.1:1", "--real-umadb"], "--real-umadb"],
    [["--native-umadb", "nowhere"], "--native-umadb"],
    [["--demo", "--no-demo"], "exclude each other"],
    [["--nonsense"], "--nonsense"],
  ])("ends with 2 and names what is wrong: %j", async (args, named) => {
    const { code, output } = await runDev(args);
    expect(code).toBe(2);
    expect(output).toContain(named);
  });
});

describe("millrace dev, with its Message DB", { timeout: 120_000 }, () => {
  it("serves an embedded one, keeps it in the folder of --data, also when it is killed, and lets no second one in", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-dev-test-"));
    try {
      for (let version = 0n; version < 2n; version++) {
        const dev = await startDev(["--no-demo", "--data", folder]);
        const db = new MessageDb({ url: dev.ready.url });
        expect(await db.write("dev-1", { type: "A" })).toBe(version);
        const { code, output } = await runDev(["--listen", "127.0.0.1:0", "--data", folder]);
        expect([code, output]).toEqual([2, expect.stringContaining("--data: Process")]);
        await db.close();
        await dev.end("SIGKILL");
      }
      const dev = await startDev(["--no-demo", "--data", folder]);
      expect(await dev.end("SIGTERM")).toBe(0);
      expect(await readdir(folder)).toEqual(["messagedb"]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("millrace dev --real-umadb", { timeout: 60_000 }, () => {
  it.each(["SIGTERM", "SIGINT"] as const)("ends with 0 at %s, and the server with it", async (signal) => {
    const dev = await startDev(["--real-umadb", "--no-demo"]);
    expect(await isListening(dev.ready.native.umadb)).toBe(true);
    expect(await dev.end(signal)).toBe(0);
    expect(await isListening(dev.ready.native.umadb)).toBe(false);
  });

  it.runIf(process.platform === "linux")("leaves no server behind when it is killed", async () => {
    const dev = await startDev(["--real-umadb", "--no-demo"]);
    await dev.end("SIGKILL");
    await expect.poll(() => isListening(dev.ready.native.umadb), { timeout: 5_000 }).toBe(false);
  });

  it("keeps its database in the folder of --data, and makes nothing up with --no-demo", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-dev-test-"));
    try {
      for (const position of [1n, 2n]) {
        const kept = await startDev(["--real-umadb", "--no-demo", "--data", folder]);
        expect(kept.ready.demo).toBe(false);
        const db = new UmaDb({ url: kept.ready.url });
        expect(await db.append([{ type: "Kept", data: json({}) }])).toBe(position);
        await db.close();
        expect(await kept.end("SIGTERM")).toBe(0);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("ends with 2 and says how to install UmaDB when there is none", async () => {
    const { code, output } = await runDev(["--real-umadb", "--json"], { MILLRACE_UMADB_BIN: "/nowhere/umadb" });
    expect(code).toBe(2);
    expect(output).toContain("pip install umadb==0.7.8");
  });
});

describe("millrace dev --umadb", { timeout: 60_000 }, () => {
  let umadb: UmaDbServer;
  let db: UmaDb;

  beforeAll(async () => {
    umadb = await startUmaDb();
    db = new UmaDb({ carrier: http2Carrier({ url: umadb.url }) });
  }, 60_000);

  afterAll(async () => {
    await db?.close();
    await umadb?.close();
  });

  it("streams into an empty store, and leaves the server running when it ends", async () => {
    const dev = await startDev(["--umadb", umadb.url]);
    expect(dev.ready.native.umadb).toBe(new URL(umadb.url).host);
    for await (const { event } of db.subscribe()) {
      expect(event.type).toBe("OrderPlaced");
      break;
    }
    expect(await dev.end("SIGTERM")).toBe(0);
    expect(await db.health()).toEqual({ status: "serving" });
  });

  it("makes nothing up in a store that has events, unless it is told to", async () => {
    const head = (await db.head()) ?? (await db.append([{ type: "InUse", data: json({}) }]));
    const quiet = await startDev(["--umadb", umadb.url]);
    expect(quiet.ready.demo).toBe(false);
    const page = new UmaDb({ url: quiet.ready.url });
    expect(await page.append([{ type: "ByHand", data: json({}) }])).toBe(head + 1n);
    expect(await quiet.end("SIGTERM")).toBe(0);
    expect(await db.head()).toBe(head + 1n);
    const told = await startDev(["--umadb", umadb.url, "--demo"]);
    for await (const { position } of db.subscribe(undefined, { after: head + 1n })) {
      expect(position).toBe(head + 2n);
      break;
    }
    await told.end("SIGTERM");
    await page.close();
  });
});
