import { createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { connectCarrier, DCB, Health } from "millrace/connect";
import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realBackend, startGateway, type Way } from "../support/backends.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { bytes, errorOf, uniqueTag } from "./umadb/backend.js";
import { umadbSpec } from "./umadb.js";

/** By a stock transport of Connect, through a gateway. */
const byConnectWeb: Way = async (server) => {
  const gateway = await startGateway(server);
  const carrier = connectCarrier(createGrpcWebTransport({ baseUrl: gateway.url }), [DCB, Health]);
  return {
    options: { carrier },
    async close() {
      await carrier.close();
      await gateway.close();
    },
  };
};

const backend = realBackend("by stock connect-web through the gateway", byConnectWeb);
umadbSpec(backend);
afterAll(() => backend.close());

describe("UmaDb by stock connect-node, straight to the server", () => {
  let server: UmaDbServer;
  let db: UmaDb;
  beforeAll(async () => {
    server = await startUmaDb();
    db = new UmaDb({ carrier: connectCarrier(createGrpcTransport({ baseUrl: server.url }), [DCB, Health]) });
  }, 60_000);
  afterAll(async () => {
    await db?.close();
    await server?.close();
  });

  it("appends, reads and follows", async () => {
    const tag = uniqueTag("van");
    const query = { items: [{ tags: [tag] }] };
    const first = await db.append([{ type: "Arrived", tags: [tag], data: bytes("one") }]);
    expect((await db.read(query).toArray()).map(({ position }) => position)).toEqual([first]);
    const following = db.subscribe(query);
    const events = following[Symbol.asyncIterator]();
    expect((await events.next()).value?.position).toBe(first);
    const second = await db.append([{ type: "Left", tags: [tag], data: bytes("two") }]);
    expect((await events.next()).value?.position).toBe(second);
    await following.close();
  });

  it("loses the class of an error: a conflict is found out by reading the store, another refusal is data_loss", async () => {
    const tag = uniqueTag("seat");
    const booked = { type: "Booked", tags: [tag], data: bytes("one") };
    const condition = { failIfEventsMatch: { items: [{ tags: [tag] }] } };
    const trackingInfo = { source: tag, position: 7n };
    await db.append([booked], { condition, trackingInfo });
    expect(await errorOf(db.append([booked], { condition }))).toMatchObject({ name: "AppendConditionError", applied: "no" });
    expect(await errorOf(db.append([booked], { trackingInfo }))).toMatchObject({ name: "MillraceError", code: "data_loss", applied: "unknown" });
    expect(await db.read(condition.failIfEventsMatch).toArray()).toHaveLength(1);
  });
});
