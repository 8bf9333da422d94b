import { getEventListeners, once } from "node:events";
import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Settings } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { createGateway, type Gateway, type Page } from "millrace-server/gateway";
import { serveGateway as serveCommand, type RunningGateway } from "../../server/cli/serve.js";
import { makeCertificate } from "../support/certificate.js";
import { answer, grpcHeaders, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";
import { GRPC_WEB, parseBody, until } from "./support/grpc-web.js";

const HEAD = "/umadb.v1.DCB/Head";
const SUBSCRIBE = "/umadb.v1.DCB/Subscribe";
const EMPTY = encodeEnvelope(new Uint8Array(0));
const REPLY = encodeEnvelope(new Uint8Array([8, 3]));

describe("gateway: fetch", () => {
  let upstream: FakeServer;
  let gateway: Gateway;
  beforeAll(async () => {
    upstream = await startFakeServer(({ stream, headers }) => {
      if (headers[":path"] === HEAD) return answer(stream, REPLY);
      stream.respond(grpcHeaders);
      const message = encodeEnvelope(new Uint8Array(100_000));
      const more = (): void => {
        while (!stream.destroyed && stream.write(message));
      };
      stream.on("drain", more);
      more();
    });
    gateway = createGateway({ upstreams: { umadb: { url: upstream.url } }, allowAll: true });
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  const post = (path: string, init: RequestInit = {}): Promise<Response> =>
    gateway.fetch(new Request(`http://localhost${path}`, { method: "POST", headers: { "content-type": GRPC_WEB }, body: EMPTY, ...init }));

  it("answers a call", async () => {
    const response = await post(HEAD);
    const { messages, trailers } = parseBody(new Uint8Array(await response.arrayBuffer()));
    expect(messages.map((message) => [...message])).toEqual([[8, 3]]);
    expect(trailers?.get("grpc-status")).toBe("0");
  });

  it("applies the same admission", async () => {
    expect((await gateway.fetch(new Request(`http://evil.example${HEAD}`, { method: "POST", headers: { "content-type": GRPC_WEB }, body: EMPTY }))).status).toBe(403);
    expect((await gateway.fetch(new Request("http://localhost/health"))).status).toBe(200);
    expect((await gateway.fetch(new Request("http://localhost/nowhere"))).status).toBe(404);
  });

  it("reads no faster than its reader, and frees the upstream when the reader leaves", async () => {
    const response = await post(SUBSCRIBE);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const call = upstream.calls.at(-1);
    await until("the upstream is held back", () => call?.stream.writableNeedDrain === true);
    await reader.cancel();
    await until("the upstream call ended", () => call?.stream.destroyed === true, 200);
  });

  it("frees the upstream when the request is aborted", async () => {
    const own = new AbortController();
    const response = await post(SUBSCRIBE, { signal: own.signal });
    const call = upstream.calls.at(-1);
    own.abort();
    await until("the upstream call ended", () => call?.stream.destroyed === true, 200);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it("does nothing for a request that was aborted before, and rejects with its reason", async () => {
    const before = upstream.calls.length;
    const reason = new Error("not any more");
    await expect(post(HEAD, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await post(HEAD);
    expect(upstream.calls.length).toBe(before + 1);
  });

  it("leaves nothing on the signal of a request that is answered and read", async () => {
    const { signal } = new AbortController();
    const request = new Request(`http://localhost${HEAD}`, { method: "POST", headers: { "content-type": GRPC_WEB }, body: EMPTY, signal });
    const before = getEventListeners(request.signal, "abort").length;
    await (await gateway.fetch(request)).arrayBuffer();
    expect(getEventListeners(request.signal, "abort").length).toBe(before);
  });

  it("counts a response that is complete and unread among those that are left unread, and drops the one too many", async () => {
    const served = createGateway({ upstreams: { umadb: { url: upstream.url } }, allowAll: true, limits: { stalledCallsPerClient: 1 } });
    const open = (): Promise<Response> => served.fetch(new Request(`http://localhost${SUBSCRIBE}`, { method: "POST", headers: { "content-type": GRPC_WEB }, body: EMPTY }));
    const first = await open();
    const second = await open();
    const reader = (first.body as ReadableStream<Uint8Array>).getReader();
    await expect(reader.closed).rejects.toThrow("broken off");
    await second.body?.cancel();
    await served.close();
  });
});

describe("gateway: TLS in front", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  let upstream: FakeServer;
  let running: RunningGateway;
  let ca: string;
  const page: Page = { contentType: "text/html; charset=utf-8", body: new TextEncoder().encode("<p>hello"), immutable: false };
  beforeAll(async () => {
    upstream = await startFakeServer(({ stream, headers }) => (headers[":path"] === HEAD ? answer(stream, REPLY) : stream.respond(grpcHeaders)));
    const { certPath, keyPath, caPath } = await makeCertificate(folder);
    ca = readFileSync(caPath, "utf8");
    running = await serveCommand({
      listen: { host: "127.0.0.1", port: 0 },
      tls: { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") },
      options: { upstreams: { umadb: { url: upstream.url } }, allowAll: true, pages: new Map([["/", page]]) },
    });
  }, 30_000);
  afterAll(async () => {
    await running?.close();
    await upstream?.close();
    rmSync(folder, { recursive: true });
  });

  it("serves HTTP/2, frees the upstream when a stream is reset, and ends open ones when it closes", async () => {
    const session = connect(running.url, { ca });
    const open = (path: string) => {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": GRPC_WEB });
      stream.end(EMPTY);
      return stream;
    };
    const head = open(HEAD);
    const chunks: Buffer[] = [];
    head.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(head, "end");
    expect(parseBody(Buffer.concat(chunks)).trailers?.get("grpc-status")).toBe("0");

    const subscription = open(SUBSCRIBE);
    await until("the call came", () => upstream.calls.length === 2);
    subscription.close(8);
    await until("the upstream call ended", () => upstream.calls[1]?.stream.destroyed === true, 200);
    session.destroy();
  });

  it("says how many streams a connection may have: the calls of its limits, and some more", async () => {
    const session = connect(running.url, { ca });
    const [settings] = await once(session, "remoteSettings") as [Settings];
    expect(settings.maxConcurrentStreams).toBe(272);
    session.destroy();
  });

  it("serves HTTP/1.1 on the same port, and pages with their rules", async () => {
    const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      request(`${running.url}/`, { ca, agent: false }, resolve).on("error", reject).end();
    });
    response.resume();
    expect(response.httpVersion).toBe("1.1");
    expect(response.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(response.headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(response.headers["x-content-type-options"]).toBe("nosniff");
  });
});
