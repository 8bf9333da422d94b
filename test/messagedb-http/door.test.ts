import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageDb } from "millrace/messagedb";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

const CANARY = "canary7f3a";
const RUNS = Number(process.env["MILLRACE_FUZZ_RUNS"] ?? 3_000);
const SEED = Number(process.env["MILLRACE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));

let postgres: PostgresServer;
let proxy: ProxyServer;
const logged: string[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.admin(`CREATE ROLE "${CANARY}" LOGIN PASSWORD '${CANARY}' IN ROLE message_store`);
  const note = (...words: unknown[]): void => void logged.push(JSON.stringify(words));
  proxy = await serveMessageDb({ url: postgres.url({ user: `${CANARY}:${CANARY}` }), queries: { broken: `SELECT '${CANARY}' AS id` } }, { log: { info: note, warn: note } });
  const db = new MessageDb({ url: proxy.url });
  await db.write("secret-1", { type: "Kept", data: { secret: CANARY }, metadata: { secret: CANARY } });
  await db.close();
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await postgres.close();
});

interface Answer { readonly status: number; readonly text: string; readonly headers: Headers }

async function request(operation: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${proxy.url}/messagedb/v1/${operation}`, { redirect: "manual", ...init });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function post(operation: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return request(operation, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });
}

describe("the door of Message DB", () => {
  it("admits the pages that it was told, and says so to the browser", async () => {
    const get = (headers: Record<string, string>): Promise<Answer> => request("read?name=none-1&start=0&limit=10", { headers });
    expect((await get({ origin: "https://evil.example" })).status).toBe(403);
    expect((await get({ origin: "null" })).status).toBe(403);
    expect((await get({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    const admitted = await get({ origin: "https://app.example" });
    expect(admitted.status).toBe(200);
    expect(admitted.headers.get("access-control-allow-origin")).toBe("https://app.example");
    const preflight = await request("write", { method: "OPTIONS", headers: { origin: "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "content-type, authorization" } });
    expect(preflight.headers.get("access-control-allow-headers")).toBe("content-type, authorization");
  });

  it("takes JSON by POST alone, which a foreign page cannot send unasked", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
      expect((await request("stream-version", { method: "POST", headers: type === "" ? {} : { "content-type": type }, body: '{"stream":"a-1"}' })).status).toBe(400);
    }
    expect((await request("write?x=1", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).status).toBe(501);
    for (const operation of ["write", "report", "subscribe", "stream-version?stream=a-1"]) expect((await request(operation)).status).toBe(501);
    expect((await request("read?name=%24all&start=0&limit=10")).status).toBe(400);
    expect((await request("read?name=a-1&start=0&limit=10&__proto__=1")).status).toBe(400);
  });

  it("knows its own operations alone, and fields that they have", async () => {
    for (const name of ["acquire_lock", "get_category_messages", "hash_64", "constructor", "__proto__", "toString", "Read", "write/", "sql", ""]) {
      expect((await post(name, { stream: "a-1" })).status).toBe(501);
    }
    const fields = { condition: "true) OR (true", sql: "SELECT 1", "__proto__x": 1 };
    for (const [name, value] of Object.entries(fields)) {
      expect(await post("read", { name: "$all", start: "0", limit: 10, [name]: value })).toMatchObject({ status: 400, text: expect.stringContaining("is none here") as string });
      expect((await request(`read?name=a&start=0&limit=10&${new URLSearchParams({ [name]: String(value) })}`)).status).toBe(400);
    }
    expect((await post("read", '{"name":"a","start":"0","limit":10,"__proto__":{"condition":"true"}}')).status).toBe(400);
  });

  it("takes what looks like SQL as the name or text that it is", async () => {
    const name = "x'; DROP TABLE message_store.messages; /*";
    expect(await post("stream-version", { stream: `${name}-1` })).toMatchObject({ status: 200, text: '{"position":null}' });
    expect(await post("read", { name, start: "0", limit: 10, correlation: name })).toMatchObject({ status: 200, text: '{"messages":[]}' });
    expect((await post("query", { query: "SELECT 1" })).status).toBe(404);
    expect((await post("report", { name: "stream_summary; SELECT 1" })).status).toBe(400);
  });

  it("lets nobody do what was not allowed", async () => {
    const reading = await serveMessageDb({ url: postgres.url(), allow: { read: true } });
    const nothing = await serveMessageDb({ url: postgres.url(), allow: {} });
    const readingDb = new MessageDb({ url: reading.url, retry: false });
    const nothingDb = new MessageDb({ url: nothing.url, retry: false });
    expect(await readingDb.streamVersion("secret-1")).toBe(0n);
    await expect(readingDb.write("secret-1", { type: "X" })).rejects.toMatchObject({ code: "permission_denied", applied: "no", reason: "policy" });
    await expect(nothingDb.streamVersion("secret-1")).rejects.toMatchObject({ code: "permission_denied" });
    await expect(nothingDb.readStream("secret-1").toArray()).rejects.toMatchObject({ code: "permission_denied" });
    await expect(nothingDb.subscribe("secret").opened).rejects.toMatchObject({ code: "permission_denied" });
    await Promise.all([reading.close(), nothing.close(), readingDb.close(), nothingDb.close()]);
  });

  it("stays the role message_store, whoever connects, and keeps conditions switched off", async () => {
    const { rows } = { rows: await postgres.admin(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = '${CANARY}' AND application_name = 'millrace'`) };
    expect(rows[0]?.["n"]).toBeGreaterThan(0);
    await proxy.gateway.check();
  });

  it(`shows nothing of data, addresses and SQL, whatever is asked (${RUNS} requests)`, async () => {
    console.log(`seed ${SEED}`);
    const names = fc.constantFrom("none-1", "none", "$all", "", "a'b", "-", "\u0000", "\ud800", "x".repeat(9_000));
    const junk = fc.oneof(fc.jsonValue(), fc.constantFrom("true) OR (true", "0; SELECT 1", "-1", "9223372036854775808", -1, null), fc.string());
    const operations = fc.constantFrom(
      "read", "write", "last-message", "stream-version", "last-position", "stream-identifiers", "report", "message-store-version", "query", "get_stream_messages", "write%00",
    );
    const fields = fc.dictionary(
      fc.constantFrom("name", "stream", "start", "limit", "member", "size", "correlation", "messages", "expected", "repeat", "query", "position", "category", "type", "condition", "sql"),
      fc.oneof({ weight: 2, arbitrary: names }, { weight: 2, arbitrary: junk }, { weight: 1, arbitrary: fc.array(fc.tuple(fc.uuid(), fc.string(), junk, junk)) }),
    );
    const body = fc.oneof({ weight: 6, arbitrary: fields.map((value) => JSON.stringify(value)) }, { weight: 1, arbitrary: fc.string() }, { weight: 1, arbitrary: junk.map((value) => JSON.stringify(value) ?? "") });
    const token = { authorization: `Bearer ${CANARY}` };
    await fc.assert(fc.asyncProperty(operations, body, fc.boolean(), async (operation, text, get) => {
      const answer = get
        ? await request(`${operation}?${new URLSearchParams(text).toString().slice(0, 4_000)}`, { headers: token })
        : await post(operation, text, token);
      expect([200, 400, 404, 409, 429, 501]).toContain(answer.status);
      // Who reads everything from the beginning is answered with what is stored.
      if (!(operation === "read" && answer.status === 200 && text.includes("$all"))) expect(answer.text).not.toContain(CANARY);
      expect(answer.text).not.toMatch(/select|message_store\.|127\.0\.0\.1|syntax error/i);
    }), { numRuns: RUNS, seed: SEED });
    expect((await post("query", { query: "broken" })).text).not.toContain(CANARY);
    expect(logged.join("\n")).not.toContain(CANARY);
    const [count] = await postgres.admin("SELECT count(*)::int AS n FROM message_store.messages WHERE stream_name = 'secret-1'");
    expect(count?.["n"]).toBe(1);
  }, 600_000);

  it("says the same little when the database is away", async () => {
    const away = await serveMessageDb({ url: `postgres://${CANARY}:${CANARY}@127.0.0.1:1/${CANARY}` }, { log: { info: (...w) => void logged.push(JSON.stringify(w)), warn: (...w) => void logged.push(JSON.stringify(w)) } });
    const response = await fetch(`${away.url}/messagedb/v1/stream-version`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"stream":"a-1"}' });
    expect(response.status).toBe(503);
    const text = await response.text();
    expect(text).not.toContain(CANARY);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "unavailable", applied: "no", reason: "upstream-lost" } });
    expect(logged.join("\n")).not.toContain(CANARY);
    await away.close();
  });
});

describe("a page by GET", () => {
  it("is kept for ever when it is full, and not at all while it is not", async () => {
    const db = new MessageDb({ url: proxy.url });
    await db.writeBatch("pages-1", Array.from({ length: 3 }, () => ({ type: "N" })));
    const full = await request("read?name=pages-1&start=0&limit=3");
    expect(full.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
    expect(full.headers.get("vary")).toBe("Authorization, Origin");
    expect(full.headers.get("millrace-next")).toBe("3");
    const etag = full.headers.get("etag") as string;
    expect(await request("read?name=pages-1&start=0&limit=3", { headers: { "if-none-match": etag } })).toMatchObject({ status: 304, text: "" });
    const open = await request("read?name=pages-1&start=0&limit=4");
    expect(open.headers.get("cache-control")).toBe("no-store");
    expect(open.headers.get("etag")).toBeNull();
    expect(open.headers.get("millrace-next")).toBeNull();
    await db.close();
  });
});
