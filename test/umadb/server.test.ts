import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:http2";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { http2Carrier } from "millrace/carrier/http2";
import { ReadRequest } from "millrace/internal/gen/static/umadb/v1/umadb";
import { HealthCheckRequest, HealthCheckResponse } from "millrace/internal/gen/static/grpc/health/v1/health";
import { payloadsOf } from "millrace/internal/wire/frames";
import { umadbMethods } from "millrace/internal/wire/methods";
import { UmaDb, type NewEvent } from "millrace/umadb";
import { describe, expect, it } from "vitest";
import { direct, throughGateway, type Way } from "../support/backends.js";
import { startUmaDb, umadbCommand, type UmaDbServer } from "../support/umadb.js";

const event = (type: string): NewEvent => ({ type, tags: [type], data: new TextEncoder().encode(type) });

async function withServer(way: Way, test: (db: UmaDb, server: UmaDbServer) => Promise<void>): Promise<void> {
  const server = await startUmaDb();
  const opened = await way(server);
  const db = new UmaDb({ ...opened.options, retry: { attempts: 50, baseMs: 20, maxMs: 200 } });
  try {
    await test(db, server);
  } finally {
    await db.close();
    await opened.close();
    await server.close();
  }
}

describe.each<[string, Way]>([["through the gateway", throughGateway], ["by native gRPC", direct]])("a server that goes and comes back, %s", (_, way) => {
  // 37
  it("a subscription goes on where it was, and neither misses nor repeats an event", () => withServer(way, async (db, server) => {
    const seen: bigint[] = [];
    const subscription = db.subscribe();
    const following = (async () => {
      for await (const { position } of subscription) {
        seen.push(position);
        if (position === 9n) break;
      }
    })();
    await db.append([event("A"), event("A"), event("A")]);
    await expect.poll(() => seen.length).toBe(3);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await server.stop(signal);
      await expect.poll(() => subscription.state.kind, { timeout: 10_000 }).toBe("waiting");
      await server.restart();
      await db.append([event("B"), event("B"), event("B")]);
    }
    await following;
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  }), 30_000);

  // 54
  it("keeps every append that was acknowledged when it is killed in the middle", () => withServer(way, async (db, server) => {
    for (let round = 0; round < 3; round++) {
      const acknowledged: bigint[] = [];
      let running = true;
      const writers = Array.from({ length: 4 }, async () => {
        while (running) {
          await db.append([event("K")]).then((position) => acknowledged.push(position), () => { running = false; });
        }
      });
      await expect.poll(() => acknowledged.length).toBeGreaterThan(50);
      await server.stop("SIGKILL");
      running = false;
      await Promise.all(writers);
      await server.restart();
      const stored = (await db.read().toArray()).map(({ position }) => position);
      expect(stored).toEqual(stored.map((__, index) => BigInt(index + 1)));
      expect(acknowledged.filter((position) => position > BigInt(stored.length))).toEqual([]);
    }
  }), 60_000);

  it("an append with a condition that was killed on its way is settled when the server is back", () => withServer(way, async (db, server) => {
    await db.append([event("A")]);
    await server.stop("SIGKILL");
    const appended = db.append([event("B")], { condition: { failIfEventsMatch: { items: [{ tags: ["B"] }] }, after: 1n } });
    await server.restart();
    expect(await appended).toBe(2n);
    expect(await db.head()).toBe(2n);
  }), 30_000);
});

describe("what only the server does", () => {
  // 51
  it("its health watch says NOT_SERVING at shutdown and then ends without an error", async () => {
    const server = await startUmaDb();
    const carrier = http2Carrier({ url: server.url });
    const { path, kind, lane, cancel } = umadbMethods.healthWatch;
    const response = carrier.call({ path, kind, lane, cancel, headers: new Headers(), messages: [HealthCheckRequest.encode({ service: "" }).finish()] });
    const statuses: number[] = [];
    const watching = (async () => {
      for (let chunk = await response.chunks.next(); chunk.done !== true; chunk = await response.chunks.next()) {
        statuses.push(...payloadsOf(chunk.value).map((payload) => HealthCheckResponse.decode(payload).status));
      }
    })();
    await expect.poll(() => statuses).toEqual([1]);
    await server.stop();
    await watching;
    expect(statuses).toEqual([1, 2]);
    expect((await response.trailers).status).toBe(0);
    await carrier.close();
    await server.close();
  });

  // 39
  it("refuses a read that asks to subscribe, in words that our client never needs", async () => {
    const server = await startUmaDb();
    const carrier = http2Carrier({ url: server.url });
    const { path, kind, lane, cancel } = umadbMethods.read;
    const response = carrier.call({ path, kind, lane, cancel, headers: new Headers(), messages: [ReadRequest.encode({ subscribe: true }).finish()] });
    expect(await response.chunks.next()).toMatchObject({ done: true });
    expect(await response.trailers).toMatchObject({ status: 3, message: expect.stringContaining("subscribe") });
    await carrier.close();
    await server.close();
  });

  // 42
  it("answers its old paths like the new ones", async () => {
    const server = await startUmaDb();
    const session = connect(server.url);
    const statuses = await Promise.all(["umadb.UmaDBService", "umadb.v1.DCB"].map((service) => new Promise((resolve, reject) => {
      const stream = session.request({ ":method": "POST", ":path": `/${service}/Head`, "content-type": "application/grpc", te: "trailers" });
      stream.on("trailers", (trailers) => resolve(trailers["grpc-status"])).on("error", reject).resume().end(Buffer.alloc(5));
    })));
    session.close();
    expect(statuses).toEqual(["0", "0"]);
    await server.close();
  });

  it("keeps what we append readable for its own Python client, and the other way round", () => withServer(throughGateway, async (db, server) => {
    const python = join(dirname(umadbCommand()), "python3");
    expect(existsSync(python)).toBe(true);
    const position = await db.append([{ type: "Ours", tags: ["ü", "t"], data: new Uint8Array([0, 255]), uuid: "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", metadata: { k: "ö" } }], { trackingInfo: { source: "s", position: 5n } });
    const program = `
import sys, json, uuid
from umadb import Client, Event, Query, QueryItem, AppendCondition, TrackingInfo
client = Client(url=sys.argv[1])
seen = [[e.position, e.event.event_type, e.event.tags, list(e.event.data), str(e.event.uuid), dict(e.event.metadata)] for e in client.read()]
theirs = client.append([Event(event_type="Theirs", tags=["a", "b"], data=b"\\x00hi", uuid=uuid.UUID(int=7), metadata={"m": "n"})], condition=AppendCondition(fail_if_events_match=Query(items=[QueryItem(types=["Theirs"])])))
print(json.dumps([seen, theirs, client.get_tracking_info("s")]))
`;
    const { stdout } = await promisify(execFile)(python, ["-c", program, server.url]);
    expect(JSON.parse(stdout)).toEqual([[[1, "Ours", ["ü", "t"], [0, 255], "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", { k: "ö" }]], 2, 5]);
    const [, theirs] = await db.read().toArray();
    expect(theirs?.toObject()).toEqual({
      position: position + 1n,
      event: { type: "Theirs", tags: ["a", "b"], data: new TextEncoder().encode("\0hi"), uuid: "00000000-0000-0000-0000-000000000007", metadata: { m: "n" } },
    });
  }), 20_000);
});
