import { startEmbedded } from "millrace-server/embedded";
import { UmaDb } from "millrace/umadb";
import { describe, expect, it } from "vitest";
import { errorOf, event } from "../spec/umadb/backend.js";

describe("startEmbedded()", () => {
  it("shares one store between its carrier and its fetch, and none with another", async () => {
    const embedded = await startEmbedded();
    await new UmaDb({ carrier: embedded.carrier }).append([event("a", [])]);
    expect(await new UmaDb({ url: "http://anywhere/prefix", fetch: embedded.fetch }).head()).toBe(1n);
    const other = await startEmbedded();
    expect(await new UmaDb({ carrier: other.carrier }).head()).toBeUndefined();
  });

  it("keeps the limits that a client sets", async () => {
    const { carrier } = await startEmbedded();
    const db = new UmaDb({ carrier, maxMessageBytes: 1_000, retry: false });
    await db.append([{ ...event("large", []), data: new Uint8Array(50_000) }]);
    expect(await errorOf(db.read().toArray())).toMatchObject({ code: "resource_exhausted", applied: "no" });
  });

  it("checks the API key, in process as on the wire", async () => {
    const { carrier } = await startEmbedded({ apiKey: "sekret" });
    const db = new UmaDb({ carrier });
    expect(await errorOf(db.head())).toMatchObject({ code: "unauthenticated", system: "umadb" });
    expect(await db.head({ headers: { authorization: "Bearer sekret" } })).toBeUndefined();
    expect(await db.health()).toEqual({ status: "serving" });
  });

  it("ends subscriptions when it closes, says so by health, and answers no call afterwards", async () => {
    const { carrier, close } = await startEmbedded();
    const db = new UmaDb({ carrier, retry: false });
    await db.append([event("a", [])]);
    const subscription = db.subscribe();
    const items = subscription[Symbol.asyncIterator]();
    expect(await items.next()).toMatchObject({ value: { position: 1n } });
    const waiting = new Promise((resolve) => { subscription.onStateChange(({ kind }) => { if (kind === "waiting" || kind === "closed") resolve(kind); }); });
    const next = items.next().catch(() => undefined);
    await Promise.all([close(), close()]);
    expect(["waiting", "closed"]).toContain(await waiting);
    expect(await db.health()).toEqual({ status: "not-serving" });
    expect(await errorOf(db.head())).toMatchObject({ code: "unavailable" });
    await db.close();
    await next;
  });
});
