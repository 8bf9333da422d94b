import { isMillraceError, fromJson, json } from "millrace";
import { http2Carrier } from "millrace/carrier/http2";
import { AppendConditionError, TrackingConflictError, UmaDb, type AppendCondition, type NewEvent, type Query } from "millrace/umadb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { direct, startGateway, throughGateway, type Way } from "../support/backends.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

// What UmaDB's own Python client offers, by our names, on a real server.
describe.each<[string, Way]>([["through the gateway", throughGateway], ["by native gRPC", direct]])("what the Python client does, %s", (_, way) => {
  let server: UmaDbServer;
  let opened: Awaited<ReturnType<Way>>;
  let db: UmaDb;
  beforeEach(async () => {
    server = await startUmaDb();
    opened = await way(server);
    db = new UmaDb(opened.options);
    return async () => {
      await db.close();
      await opened.close();
      await server.close();
    };
  });

  const hello = (): NewEvent => ({ type: "example", tags: ["tag1", "tag2"], data: new TextEncoder().encode("Hello, world!"), uuid: crypto.randomUUID() });
  const boundary: Query = { items: [{ types: ["example"], tags: ["tag1", "tag2"] }] };

  it("its complete example: read, remember the head, append in the boundary, conflict, repeat, follow", async () => {
    const read = db.read(boundary);
    for await (const { position, event } of read) expect({ position, event }).toBeUndefined();
    const lastKnown = await read.head();
    expect(lastKnown).toBeUndefined();

    const event: NewEvent = { ...hello(), metadata: { source: "readme", correlation_id: crypto.randomUUID() } };
    const condition: AppendCondition = { failIfEventsMatch: boundary, after: lastKnown };
    const committed = await db.append([event], { condition });
    expect(committed).toBe(1n);

    await expect(db.append([hello()], { condition })).rejects.toBeInstanceOf(AppendConditionError);
    expect(await db.append([event], { condition })).toBe(committed);

    const processed: bigint[] = [];
    for await (const { position, event: seen } of db.subscribe()) {
      processed.push(position);
      expect(seen).toMatchObject({ type: "example", tags: ["tag1", "tag2"], uuid: event.uuid, metadata: event.metadata });
      if (position === committed) break;
    }
    expect(processed).toEqual([1n]);
  });

  it("its example with tracking: take up where the source was left, append with the position, repeat, conflict", async () => {
    const processed = await db.trackingInfo("upstream");
    expect(processed).toBeUndefined();
    const trackingInfo = { source: "upstream", position: 1n + (processed ?? 0n) };

    const read = db.read(boundary);
    expect(await read.toArray()).toEqual([]);
    const condition: AppendCondition = { failIfEventsMatch: boundary, after: await read.head() };

    const event = hello();
    const committed = await db.append([event], { condition, trackingInfo });
    expect(await db.append([event], { condition, trackingInfo })).toBe(committed);
    expect(await db.trackingInfo("upstream")).toBe(trackingInfo.position);
    await expect(db.append([hello()], { trackingInfo })).rejects.toBeInstanceOf(TrackingConflictError);
    expect(await db.head()).toBe(committed);
  });

  it("Client(batch_size): `batchSize` is the default of reads and subscriptions", async () => {
    await db.append(Array.from({ length: 5 }, hello));
    const small = new UmaDb({ ...opened.options, batchSize: 2 });
    const sizes: number[] = [];
    for await (const batch of small.read().batches()) sizes.push(batch.length);
    expect(sizes).toEqual([2, 2, 1]);
    for await (const batch of small.subscribe().batches()) {
      expect(batch.length).toBeLessThanOrEqual(2);
      if (batch.at(-1)?.position === 5n) break;
    }
    await small.close();
  });

  it("append(events, condition, tracking_info): `append(events, { condition, trackingInfo })`", async () => {
    expect(await db.append([hello(), hello()], { condition: { failIfEventsMatch: boundary }, trackingInfo: { source: "s", position: 3n } })).toBe(2n);
  });

  it("read(query, start, backwards, limit): `read(query, { start, backwards, limit, batchSize })`", async () => {
    await db.append(Array.from({ length: 6 }, hello));
    const positions = (await db.read(boundary, { start: 5n, backwards: true, limit: 3, batchSize: 2 }).toArray()).map(({ position }) => position);
    expect(positions).toEqual([5n, 4n, 3n]);
  });

  it("ReadResponse.head(): `await read.head()`, before, during and after", async () => {
    await db.append([hello(), hello()]);
    const read = db.read(boundary);
    expect(await read.head()).toBe(2n);
    for await (const { position } of read) expect(position <= ((await read.head()) ?? 0n)).toBe(true);
    expect(await read.head()).toBe(2n);
  });

  it("subscribe(query, after): `subscribe(query, { after, batchSize })`, exclusive, or from the end", async () => {
    await db.append([hello(), hello()]);
    for await (const { position } of db.subscribe(boundary, { after: 1n })) {
      expect(position).toBe(2n);
      break;
    }
    const live = db.subscribe(boundary, { after: "end", batchSize: 10 });
    await live.opened;
    await db.append([hello()]);
    for await (const { position } of live) {
      expect(position).toBe(3n);
      break;
    }
  });

  it("head() and get_tracking_info(source): `head()`, `trackingInfo(source)`", async () => {
    expect(await db.head()).toBeUndefined();
    expect(await db.trackingInfo("s")).toBeUndefined();
    await db.append([hello()], { trackingInfo: { source: "s", position: 0n } });
    expect(await db.head()).toBe(1n);
    expect(await db.trackingInfo("s")).toBe(0n);
  });

  it("Event, Query, QueryItem, AppendCondition, TrackingInfo, SequencedEvent: plain objects by camel-case names", async () => {
    const event = hello();
    await db.append([event], { trackingInfo: { source: "s", position: 1n } });
    const [stored] = await db.read({ items: [{ types: ["example"] }] }).toArray();
    expect(stored?.toObject()).toEqual({ position: 1n, event: { ...event, metadata: {} }, trackingInfo: { source: "s", position: 1n } });
  });

  it("IntegrityError: `AppendConditionError` and `TrackingConflictError`, both with code `conflict`", async () => {
    await db.append([hello()], { trackingInfo: { source: "s", position: 1n } });
    const condition = await db.append([hello()], { condition: { failIfEventsMatch: boundary } }).catch((error: unknown) => error);
    const tracking = await db.append([hello()], { trackingInfo: { source: "s", position: 1n } }).catch((error: unknown) => error);
    expect([condition, tracking].map((error) => isMillraceError(error, "conflict"))).toEqual([true, true]);
    expect(condition).toBeInstanceOf(AppendConditionError);
    expect(tracking).toBeInstanceOf(TrackingConflictError);
  });

  it("a codec maps types and payloads to a domain's own, both ways", async () => {
    const typed = new UmaDb<{ amount: number }>({
      ...opened.options,
      codec: {
        encode: ({ type, data }) => ({ type: `v1.${type}`, data: json(data) }),
        decode: ({ type, data }) => ({ type: type.replace(/^v1\./, ""), data: fromJson(data) }),
      },
    });
    await typed.append([{ type: "Paid", data: { amount: 12 } }]);
    for await (const { event } of typed.read()) expect(event).toMatchObject({ type: "Paid", data: { amount: 12 } });
    const [raw] = await db.read().toArray();
    expect(raw?.event).toMatchObject({ type: "v1.Paid", data: json({ amount: 12 }) });
    await typed.close();
  });
});

describe("the errors of the Python client, by ours", () => {
  let server: UmaDbServer;
  beforeAll(async () => { server = await startUmaDb({ apiKey: "right" }); });
  afterAll(() => server.close());
  const client = (options: Partial<Parameters<typeof http2Carrier>[0]>): UmaDb => new UmaDb({ carrier: http2Carrier({ url: server.url, allowInsecureApiKey: true, ...options }), retry: false });

  it("TransportError is `unavailable`, with nothing applied when nobody was reached", async () => {
    const gone = await startUmaDb();
    await gone.stop("SIGKILL");
    const db = client({ url: gone.url });
    await expect(db.head()).rejects.toMatchObject({ code: "unavailable", applied: "no" });
    await expect(db.append([{ type: "A", data: new Uint8Array(0) }])).rejects.toMatchObject({ code: "unavailable", applied: "no" });
    await gone.close();
  });

  // 40
  it.each([
    ["no key", {}],
    ["a wrong key", { apiKey: "wrong" }],
    ["the scheme in lower case", { headers: { authorization: "bearer right" } }],
    ["another blank", { headers: { authorization: "Bearer  right" } }],
  ])("AuthenticationError is `unauthenticated`, on all five methods (%s)", async (_, options) => {
    const db = client(options);
    const calls = [() => db.append([{ type: "A", data: new Uint8Array(0) }]), () => db.read().toArray(), () => db.subscribe().opened, () => db.head(), () => db.trackingInfo("s")];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "unauthenticated", applied: "no" });
    expect(await db.health()).toEqual({ status: "serving" });
    await db.close();
  });

  it("a key that is refreshed after `unauthenticated` works, by a function of headers", async () => {
    const asked: boolean[] = [];
    const headers = ({ refresh }: { refresh: boolean }): HeadersInit => {
      asked.push(refresh);
      return { authorization: `Bearer ${refresh ? "right" : "old"}` };
    };
    const db = new UmaDb({ carrier: http2Carrier({ url: server.url }), headers });
    expect(await db.head()).toBeUndefined();
    expect(await db.append([{ type: "A", data: new Uint8Array(0) }])).toBe(1n);
    expect(asked).toEqual([false, true, false, true]);
    await db.close();
  });

  it("a key over plain HTTP is refused unless that is allowed", () => {
    expect(() => http2Carrier({ url: server.url, apiKey: "right" })).toThrow("apiKey");
    expect(() => http2Carrier({ url: server.url.replace("http:", "grpc:"), apiKey: "right" })).toThrow("apiKey");
  });

  it("a key that the gateway holds never comes from the page, and a wrong one there is `unauthenticated`", async () => {
    const right = await startGateway(server);
    const wrong = await startGateway(server, { apiKey: "wrong" });
    const db = new UmaDb({ url: right.url, headers: { authorization: "Bearer of-the-page" } });
    expect(await db.head()).toBe(1n);
    await expect(new UmaDb({ url: wrong.url }).head()).rejects.toMatchObject({ code: "unauthenticated" });
    await db.close();
    await right.close();
    await wrong.close();
  });
});
