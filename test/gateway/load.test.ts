import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppendRequest, AppendResponse, ReadRequest, type AppendCondition, type Event } from "millrace/internal/gen/static/umadb/v1/umadb";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { startCountingProxy, type CountingProxy } from "../support/counting-proxy.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { callOnce, openCall, until, type OpenCall } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const DCB = "/umadb.v1.DCB/";
const APPEND = `${DCB}Append`;
const READ = `${DCB}Read`;

const event = (type: string, tags: string[], bytes = 8): Event => ({ eventType: type, tags, data: new Uint8Array(bytes).fill(200), uuid: crypto.randomUUID(), metadata: [] });
const encode = (events: Event[], condition?: AppendCondition): Uint8Array => AppendRequest.encode({ events, condition, trackingInfo: undefined }).finish();
const noneOf = (items: { types: string[]; tags: string[] }[], after?: bigint): AppendCondition => ({ failIfEventsMatch: { items }, after });

/** Enough to show the rule; without it the delay grows with each of them. */
const ABORTED = 80;

/** No event is of this type, so the server has to look at all of them. */
const scan = noneOf([{ types: ["never"], tags: [] }]);

describe("gateway in front of a real UmaDB, under load", () => {
  let umadb: UmaDbServer;
  let proxy: CountingProxy;
  let served: ServedGateway;
  const agent = new Agent({ keepAlive: true });
  let head = 0n;
  beforeAll(async () => {
    umadb = await startUmaDb();
    proxy = await startCountingProxy({ target: umadb.url });
    served = await serveGateway({ upstreams: { umadb: { url: proxy.url } } });
    for (let n = 0; n < 60; n++) head = await append(encode(Array.from({ length: 5_000 }, () => event("filler", []))));
    await append(encode([event("big", ["big"], 64 * 1024)]));
  }, 120_000);
  afterAll(async () => {
    agent.destroy();
    await served?.close();
    await proxy?.close();
    await umadb?.close();
  });

  async function append(message: Uint8Array): Promise<bigint> {
    const { messages, trailers } = await callOnce(served.url, APPEND, message, { agent });
    if (trailers?.get("grpc-status") !== "0") throw new Error(`${trailers?.get("grpc-status")} ${trailers?.get("grpc-message")}`);
    return AppendResponse.decode(messages[0] as Buffer).position;
  }

  it("goes on for others while one client sends 1 200 bodies that never end", async () => {
    const before = proxy.counts(APPEND).opened;
    const endless = Array.from({ length: 1_200 }, () => openCall(served.url, APPEND));
    for (const call of endless) call.write(new Uint8Array([0, 0, 0, 1, 0, 1]));
    const times: number[] = [];
    for (let n = 0; n < 50; n++) {
      const started = performance.now();
      await append(encode([event("other", [])]));
      times.push(performance.now() - started);
    }
    expect(proxy.counts(APPEND).opened - before).toBe(50);
    expect(Math.max(...times)).toBeLessThan(2_000);
    for (const call of endless) call.abort();
  }, 60_000);

  it("answers 100 conflicts on a stored event of 64 KiB, ten at a time, each within 3 s, while slow appends of strangers survive beside them", async () => {
    const stranger = new Agent({ keepAlive: true });
    const slow = Promise.all(Array.from({ length: 4 }, () => callOnce(served.url, APPEND, encode([event("survivor", [])], scan), { agent: stranger })));
    const conflict = noneOf([{ types: [], tags: ["big"] }]);
    const outcomes: { status: string | undefined; ms: number }[] = [];
    const one = async (): Promise<void> => {
      const started = performance.now();
      const { trailers, body } = await callOnce(served.url, APPEND, encode([event("loser", ["big"])], conflict));
      expect(body.toString("latin1")).not.toContain("200, 200");
      outcomes.push({ status: trailers?.get("grpc-status"), ms: performance.now() - started });
    };
    await Promise.all(Array.from({ length: 10 }, async () => {
      for (let n = 0; n < 10; n++) await one();
    }));
    expect(outcomes).toHaveLength(100);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["9"]));
    expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(3_000);
    expect((await slow).map(({ trailers }) => trailers?.get("grpc-status"))).toEqual(Array(4).fill("0"));
    stranger.destroy();
  }, 60_000);

  it(`lets ${ABORTED} aborted slow appends delay a neighbour's by no more than 2 s, and fail none`, async () => {
    const times: number[] = [];
    let busy = true;
    const neighbour = (async () => {
      while (busy) {
        const started = performance.now();
        await append(encode([event("neighbour", ["n"])], noneOf([{ types: [], tags: [crypto.randomUUID()] }], head)));
        times.push(performance.now() - started);
      }
    })();
    const abandoned = proxy.counts(APPEND).opened;
    for (let sent = 0; sent < ABORTED;) {
      const six: OpenCall[] = Array.from({ length: 10 }, () => openCall(served.url, APPEND));
      for (const call of six) call.end(encodeEnvelope(encode([event("abandoned", [])], scan)));
      sent += six.length;
      const begun = times.length;
      await until("the neighbour went on", () => times.length > begun);
      for (const call of six) call.abort();
    }
    busy = false;
    await neighbour;
    expect(proxy.counts(APPEND).opened - abandoned).toBeGreaterThan(20);
    expect(Math.max(...times)).toBeLessThan(2_000);
    expect(proxy.counts(APPEND).resetByClient).toBe(0);
  }, 120_000);

  it("ends reads when the server stops, so that it can, whether they stand still or not yet", async () => {
    const calls = Array.from({ length: 6 }, () => openCall(served.url, READ, { unread: true }));
    for (const call of calls) call.end(encodeEnvelope(ReadRequest.encode({ batchSize: 4_096 }).finish()));
    await Promise.all(calls.map((call) => call.response));
    await until("the reads stand still", async () => {
      const sizes = (): number => proxy.openCalls(READ).reduce((sum, { responseBytes }) => sum + responseBytes, 0);
      const before = sizes();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before === sizes();
    });
    for (let n = 0; n < 60; n++) calls.push(openCall(served.url, READ, { unread: true }));
    for (const call of calls.slice(6)) call.end(encodeEnvelope(ReadRequest.encode({ batchSize: 4_096 }).finish()));
    await Promise.all(calls.map((call) => call.response));
    expect(proxy.openCalls(READ).length).toBeGreaterThan(6);
    const started = performance.now();
    expect(await umadb.stop("SIGTERM")).toBe(0);
    expect(performance.now() - started).toBeLessThan(3_000);
    for (const call of calls) call.abort();
  }, 60_000);
});
