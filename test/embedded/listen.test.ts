import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { createConnection } from "node:net";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { createClient } from "@connectrpc/connect";
import { http2Carrier } from "millrace/carrier/http2";
import { DCB } from "millrace/connect";
import { AppendRequest } from "millrace/internal/gen/static/umadb/v1/umadb";
import { listenEmbedded, type ListeningEmbedded } from "millrace-server/embedded/node";
import { AppendConditionError, UmaDb } from "millrace/umadb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf, event, uniqueTag } from "../spec/umadb/backend.js";

let server: ListeningEmbedded;
let session: ClientHttp2Session;
beforeEach(async () => {
  server = await listenEmbedded();
  session = connect(server.url);
  session.on("error", () => undefined);
});
afterEach(async () => {
  session.destroy();
  await server.close();
});

const APPEND = "/umadb.v1.DCB/Append";
const HEAD = "/umadb.v1.DCB/Head";
const SUBSCRIBE = "/umadb.v1.DCB/Subscribe";
const EMPTY = Buffer.alloc(5);

interface Answer {
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown> | undefined;
  readonly body: Buffer;
}

function start(path: string, headers: Record<string, string> = {}): ClientHttp2Stream {
  return session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers = {};
    let trailers: Record<string, unknown> | undefined;
    const body: Buffer[] = [];
    stream.on("response", (fields) => { headers = fields; });
    stream.on("trailers", (fields) => { trailers = fields; });
    stream.on("data", (bytes: Buffer) => body.push(bytes));
    stream.on("end", () => resolve({ headers, trailers, body: Buffer.concat(body) }));
    stream.on("error", reject);
  });
}

async function ask(path: string, body: Uint8Array = EMPTY, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = start(path, headers);
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
}

function envelope(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

describe("listenEmbedded() for native gRPC", () => {
  it("answers with headers, messages and trailers", async () => {
    expect(await ask(HEAD)).toMatchObject({ headers: { ":status": 200, "content-type": "application/grpc" }, trailers: { "grpc-status": "0" }, body: EMPTY });
  });

  it("answers a call that fails before its first message with trailers alone, details as UmaDB's own clients read them", async () => {
    const db = new UmaDb({ carrier: server.carrier });
    await db.append([event("a", ["t"])]);
    const { headers, trailers } = await ask(APPEND, envelope(Buffer.from("CgUKAUEaABIMCggKBgoBYRIBdBAA", "base64")));
    expect(trailers).toBeUndefined();
    expect(headers).toMatchObject({ "grpc-status": "9", "grpc-message": expect.stringMatching(/^integrity error: condition failed: /) as string });
    const details = Buffer.from(String(headers["grpc-status-details-bin"]), "base64");
    const text = decodeURIComponent(String(headers["grpc-message"]));
    expect(details).toEqual(Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text), Buffer.from([0x10, 2])]));
  });

  it("bounds an error's text, which may quote what was sent", async () => {
    const metadata = [{ key: "k".repeat(60_000), value: "v".repeat(70_000) }];
    const request = AppendRequest.encode({ events: [{ eventType: "a", tags: [], data: new Uint8Array(0), uuid: "", metadata }] }).finish();
    const { headers } = await ask(APPEND, envelope(request));
    expect(headers["grpc-status"]).toBe("3");
    expect(String(headers["grpc-message"])).toMatch(/^invalid argument: metadata value for key 'k{900}/);
  });

  it("knows no other method", async () => {
    expect((await ask("/umadb.v1.DCB/Nope")).headers).toMatchObject({ ":status": 200, "grpc-status": "12" });
  });

  it("refuses compressed requests, and says what it understands", async () => {
    expect((await ask(HEAD, EMPTY, { "grpc-encoding": "gzip" })).headers).toMatchObject({ "grpc-status": "12", "grpc-accept-encoding": "identity" });
    expect((await ask(HEAD, Buffer.from([1, 0, 0, 0, 0]))).headers).toMatchObject({ "grpc-status": "13" });
  });

  it("refuses a message above 4 MiB by its announced length, before it came", async () => {
    const stream = start(APPEND);
    const answer = answerOf(stream);
    stream.write(Buffer.from([0, 0, 0x40, 0, 1]));
    expect((await answer).headers).toMatchObject({ "grpc-status": "11", "grpc-message": expect.stringContaining("found 4194305 bytes") as string });
    stream.close();
  });

  it("refuses a body without a message, one that is cut, and bytes that are no message", async () => {
    const text = (answer: Answer): unknown[] => [answer.headers["grpc-status"], answer.headers["grpc-message"]];
    expect(text(await ask(HEAD, Buffer.alloc(0)))).toEqual(["13", "Missing request message."]);
    expect(text(await ask(HEAD, Buffer.from([0, 0, 0, 0, 9, 1])))).toEqual(["13", "Unexpected EOF decoding stream."]);
    expect(text(await ask(APPEND, envelope(Buffer.from("CgQKAv/+", "base64"))))[0]).toBe("13");
  });

  it("takes a message that comes byte by byte", async () => {
    const stream = start(APPEND);
    const answer = answerOf(stream);
    for (const byte of envelope(Buffer.from("CgUKAUEaAA==", "base64"))) stream.write(Buffer.from([byte]));
    stream.end();
    expect((await answer).body).toEqual(envelope(Buffer.from([8, 1])));
  });

  it("answers request headers above 16 KiB with 431, as HTTP", async () => {
    const { headers } = await ask(HEAD, EMPTY, { "x-long": "v".repeat(17_000) });
    expect(headers[":status"]).toBe(431);
    expect(headers["grpc-status"]).toBeUndefined();
    expect((await ask(HEAD, EMPTY, { "x-long": "v".repeat(15_000) })).headers[":status"]).toBe(200);
  });

  it("cancels a call whose request does not come in time, and ignores a malformed time", async () => {
    const stream = start(HEAD, { "grpc-timeout": "20m" });
    const answer = answerOf(stream);
    expect((await answer).headers).toMatchObject({ "grpc-status": "1", "grpc-message": "Timeout expired" });
    stream.close();
    expect((await ask(HEAD, EMPTY, { "grpc-timeout": "abc" })).trailers).toMatchObject({ "grpc-status": "0" });
  });

  it("sends a subscription's headers at once, and does not time it", async () => {
    const stream = start(SUBSCRIBE, { "grpc-timeout": "30m" });
    const headers = new Promise<Record<string, unknown>>((resolve) => { stream.on("response", resolve); });
    const first = new Promise<Buffer>((resolve) => { stream.on("data", resolve); });
    stream.end(EMPTY);
    expect((await headers)[":status"]).toBe(200);
    await ask(HEAD, EMPTY, { "grpc-timeout": "30m" });
    const late = start(HEAD, { "grpc-timeout": "40m" });
    await answerOf(late);
    late.close();
    await ask(APPEND, envelope(Buffer.from("CgUKAUEaAA==", "base64")));
    expect((await first).length).toBeGreaterThan(5);
    stream.close();
  });

  it("answers PING", async () => {
    await ask(HEAD);
    await expect(new Promise((resolve, reject) => { session.ping((error) => (error ? reject(error) : resolve("pong"))); })).resolves.toBe("pong");
  });

  it("checks the API key on all methods but health, as one exact string", async () => {
    const keyed = await listenEmbedded({ apiKey: "sekret" });
    const own = connect(keyed.url);
    const status = async (path: string, authorization?: string): Promise<unknown> => {
      const stream = own.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", ...(authorization === undefined ? {} : { authorization }) });
      const answer = answerOf(stream);
      stream.end(EMPTY);
      const { headers, trailers } = await answer;
      return trailers?.["grpc-status"] ?? headers["grpc-status"];
    };
    expect(await Promise.all([status(HEAD), status(HEAD, "bearer sekret"), status(HEAD, "Bearer  sekret"), status(HEAD, "Bearer sekret")])).toEqual(["16", "16", "16", "0"]);
    expect(await status("/grpc.health.v1.Health/Check")).toBe("0");
    own.destroy();
    await keyed.close();
  });

  it("runs connect-node's own client", async () => {
    const client = createClient(DCB, createGrpcTransport({ baseUrl: server.url }));
    expect((await client.append({ events: [{ eventType: "a", tags: ["t"] }] })).position).toBe(1n);
    for await (const { events } of client.read({})) expect(events.map(({ position }) => position)).toEqual([1n]);
  });
});

describe("listenEmbedded() for gRPC-Web", () => {
  it("runs our client by fetch on the same port, with conflicts as they are", async () => {
    const db = new UmaDb({ url: server.url });
    const tag = uniqueTag("web");
    const subscription = db.subscribe({ items: [{ tags: [tag] }] });
    const first = subscription[Symbol.asyncIterator]().next();
    expect(await db.append([event("a", [tag])])).toBe(1n);
    expect(await first).toMatchObject({ value: { position: 1n } });
    expect(await errorOf(db.append([event("a", [tag])], { condition: { failIfEventsMatch: { items: [] } } }))).toBeInstanceOf(AppendConditionError);
    await db.close();
  });

  it("runs connect-web's own client, whose errors keep their code", async () => {
    const client = createClient(DCB, createGrpcWebTransport({ baseUrl: server.url }));
    expect((await client.append({ events: [{ eventType: "a" }] })).position).toBe(1n);
    await expect(client.append({ events: [{ eventType: "a" }], condition: {} })).rejects.toMatchObject({ code: 9 });
  });

  it("answers no page, whatever its origin", async () => {
    const init = { method: "POST", headers: { "content-type": "application/grpc-web+proto" }, body: EMPTY };
    expect((await fetch(`${server.url}${HEAD}`, init)).status).toBe(200);
    expect((await fetch(`${server.url}${HEAD}`, { ...init, headers: { ...init.headers, origin: server.url } })).status).toBe(403);
    expect((await fetch(`${server.url}${HEAD}`, { ...init, headers: { "content-type": "text/plain" } })).status).toBe(415);
    expect((await fetch(`${server.url}${HEAD}`)).status).toBe(405);
  });

  it("takes a request whose first bytes come one by one", async () => {
    const socket = createConnection(Number(new URL(server.url).port), "127.0.0.1");
    socket.setNoDelay(true);
    const answered = new Promise<string>((resolve) => { socket.once("data", (bytes) => resolve(bytes.toString("latin1"))); });
    for (const character of "GET / HTTP/1.1\r\nHost: x\r\n\r\n") await new Promise((resolve) => { socket.write(character, resolve); });
    expect(await answered).toMatch(/^HTTP\/1\.1 405 /);
    socket.destroy();
  });
});

describe("listenEmbedded().close()", () => {
  it("tells health watchers, ends streams with OK and closes the connections", async () => {
    const carrier = http2Carrier({ url: server.url });
    const db = new UmaDb({ carrier, retry: false });
    await db.append([event("a", ["t"])]);
    const watch = start("/grpc.health.v1.Health/Watch");
    const watched = answerOf(watch);
    const watching = new Promise((resolve) => { watch.once("data", resolve); });
    watch.end(EMPTY);
    const followed = start(SUBSCRIBE);
    const ended = answerOf(followed);
    const delivered = new Promise((resolve) => { followed.once("data", resolve); });
    followed.end(EMPTY);
    await delivered;
    await watching;
    const begun = performance.now();
    await Promise.all([server.close(), server.close()]);
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(await watched).toMatchObject({ trailers: { "grpc-status": "0" }, body: Buffer.from([0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2]) });
    expect((await ended).trailers).toMatchObject({ "grpc-status": "0" });
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
    await carrier.close();
  });

  it("cuts a reader that stands still", async () => {
    const db = new UmaDb({ carrier: server.carrier });
    await db.append(Array.from({ length: 3 }, () => ({ type: "large", data: new Uint8Array(1024 * 1024) })));
    await db.append(Array.from({ length: 3 }, () => ({ type: "large", data: new Uint8Array(1024 * 1024) })));
    const stream = start("/umadb.v1.DCB/Read");
    stream.on("error", () => undefined);
    stream.end(EMPTY);
    await new Promise((resolve) => { stream.once("response", resolve); });
    await server.close();
    expect(session.destroyed || session.closed).toBe(true);
  });

  it("says what is wrong with an address, and who has it", async () => {
    await expect(listenEmbedded({ listen: "nowhere" })).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`listen`") as string });
    await expect(listenEmbedded({ listen: server.address })).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("EADDRINUSE") as string });
    await expect(listenEmbedded({ systems: ["elsewhere" as "umadb"] })).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`systems`") as string });
  });
});
