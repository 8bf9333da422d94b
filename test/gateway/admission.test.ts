import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { answer, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";
import { callOnce, GRPC_WEB, openCall, type CallInit } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const HEAD = "/umadb.v1.DCB/Head";
const PAGE = "https://app.example";
const REPLY = encodeEnvelope(new Uint8Array([8, 3]));

describe("gateway: admission", () => {
  let upstream: FakeServer;
  let served: ServedGateway;
  let local: ServedGateway;
  beforeAll(async () => {
    upstream = await startFakeServer(({ stream }) => answer(stream, REPLY));
    const upstreams = { umadb: { url: upstream.url } };
    served = await serveGateway({ upstreams, origins: [PAGE], hosts: ["gw.example", "gw.example:8443"], policy: () => ({ allowed: true }) });
    local = await serveGateway({ upstreams, origins: [PAGE] });
  });
  afterAll(async () => {
    await served.close();
    await local.close();
    await upstream.close();
  });

  const call = (headers: Record<string, string>, init: CallInit = {}, gateway = served) =>
    callOnce(gateway.url, HEAD, new Uint8Array(0), { ...init, headers: { host: "gw.example", ...headers } });

  it("lets a page of an admitted origin read the answer, and nobody else", async () => {
    const { response, trailers } = await call({ origin: PAGE });
    expect(response.statusCode).toBe(200);
    expect(response.headers["access-control-allow-origin"]).toBe(PAGE);
    expect(response.headers.vary).toBe("Origin");
    expect(trailers?.get("grpc-status")).toBe("0");
  });

  it.each([
    ["another origin", { origin: "https://evil.example" }],
    ["the origin `null`", { origin: "null" }],
    ["an admitted origin with another port", { origin: `${PAGE}:8443` }],
    ["an admitted origin in another scheme", { origin: "http://app.example" }],
    ["an origin that begins like an admitted one", { origin: `${PAGE}.evil.example` }],
    ["two origins", { origin: `${PAGE}, https://evil.example` }],
    ["a loopback page", { origin: "http://localhost:5173" }],
    ["another host", { origin: PAGE, host: "evil.example" }],
    ["a loopback host", { origin: PAGE, host: "127.0.0.1" }],
    ["a host that begins like an admitted one", { origin: PAGE, host: "gw.example.evil.example" }],
    ["another site without an origin", { "sec-fetch-site": "cross-site" }],
    ["the same site without an origin", { "sec-fetch-site": "same-site" }],
  ])("gives nothing to %s", async (_who, headers) => {
    const before = upstream.calls.length;
    for (const method of ["POST", "OPTIONS", "GET"]) {
      const { response, body } = await call(headers, { method });
      expect(response.statusCode).toBe(403);
      expect(body.length).toBe(0);
      expect(Object.keys(response.headers).filter((name) => name.startsWith("access-control-") || name.startsWith("grpc-"))).toEqual([]);
    }
    expect(upstream.calls.length).toBe(before);
  });

  it("gives nothing to a request that names two hosts", async () => {
    const socket = connect(served.port, "127.0.0.1");
    socket.write("GET /health HTTP/1.1\r\nhost: gw.example\r\nHost: evil.example\r\nconnection: close\r\n\r\n");
    let text = "";
    socket.on("data", (bytes) => (text += bytes.toString()));
    await once(socket, "close");
    expect(text).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it.each(["gw.example", "GW.example", "gw.example:8443", "gw.example:1234"])("is reached by the host %s", async (host) => {
    expect((await call({ host })).response.statusCode).toBe(200);
  });

  it("admits programs that are no browser, and pages of its own origin without an Origin header", async () => {
    expect((await call({})).response.statusCode).toBe(200);
    expect((await call({ "sec-fetch-site": "same-origin" })).response.statusCode).toBe(200);
    expect((await call({ "sec-fetch-site": "none" })).response.statusCode).toBe(200);
  });

  it("admits loopback pages and hosts in development mode, and the origins it was given", async () => {
    for (const origin of ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:1", PAGE]) {
      expect((await call({ host: "localhost:99", origin }, {}, local)).response.headers["access-control-allow-origin"]).toBe(origin);
    }
    const strangers: Record<string, string>[] = [{ host: "localhost", origin: "http://localhost.evil.example" }, { host: "rebound.example" }, { host: "localhost", origin: "null" }];
    for (const headers of strangers) {
      expect((await call(headers, {}, local)).response.statusCode).toBe(403);
    }
  });

  it("answers a preflight with the methods and headers that mean something, for two hours", async () => {
    const asked = "content-type,x-grpc-web,grpc-timeout,authorization,millrace-heartbeat-ms,my-metadata,cookie,x-forwarded-for,te";
    const { response } = await call({ origin: PAGE, "access-control-request-method": "POST", "access-control-request-headers": asked }, { method: "OPTIONS" });
    expect(response.statusCode).toBe(204);
    expect(response.headers).toMatchObject({
      "access-control-allow-origin": PAGE,
      "access-control-allow-methods": "POST",
      "access-control-max-age": "7200",
      "access-control-allow-headers": "content-type, x-grpc-web, grpc-timeout, authorization, millrace-heartbeat-ms, my-metadata",
    });
    expect(response.headers.vary).toContain("Origin");
    expect(response.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  it.each(["text/plain", "application/grpc-web-text", "application/grpc-web+proto; charset=utf-8", "application/grpc", "application/json", ""])(
    "takes calls in binary gRPC-Web only, not as %j", async (contentType) => {
      const { response, body } = await call({ origin: PAGE, "content-type": contentType });
      expect(response.statusCode).toBe(415);
      expect(body.toString()).toContain("application/grpc-web+proto");
    });

  it("refuses an encoded body and a compressed message", async () => {
    expect((await call({ "content-encoding": "gzip" })).response.statusCode).toBe(415);
    const compressed = openCall(served.url, HEAD, { headers: { host: "gw.example" } });
    compressed.end(new Uint8Array([1, 0, 0, 0, 0]));
    expect((await compressed.body).toString()).toContain("grpc-status: 3");
  });

  it.each([`${HEAD}/`, `${HEAD}?a=1`, "/umadb.v1.DCB/head", "/x/umadb.v1.DCB/Head", "//umadb.v1.DCB/Head", "/umadb.UmaDBService/Head", "/umadb.v1.DCB/%48ead", "/"])(
    "matches methods byte for byte: %s is none", async (path) => {
      const before = upstream.calls.length;
      expect((await callOnce(served.url, path, new Uint8Array(0), { headers: { host: "gw.example" } })).response.statusCode).toBe(404);
      expect(upstream.calls.length).toBe(before);
    });

  it.each(["PUT", "DELETE", "PATCH"])("does not know the method %s", async (method) => {
    expect((await call({}, { method })).response.statusCode).toBe(405);
  });

  it("answers an upgrade that leads to no tunnel with 404 and closes", async () => {
    const socket = connect(served.port, "127.0.0.1");
    socket.write("GET /socket HTTP/1.1\r\nhost: gw.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    let text = "";
    socket.on("data", (bytes) => (text += bytes.toString()));
    await once(socket, "close");
    expect(text).toMatch(/^HTTP\/1\.1 404 /);
  });

  it("keeps cookies, browser headers and the gateway's authorization to itself, and passes metadata on", async () => {
    const headers = { cookie: "secret=1", authorization: "Bearer page", origin: PAGE, referer: PAGE, "x-forwarded-for": "1.2.3.4", "sec-ch-ua": "x", "my-metadata": "a", "my-bin": "AAEC", "millrace-upstream-authorization": "Bearer up" };
    await call(headers);
    const seen = upstream.calls.at(-1)?.headers ?? {};
    expect(seen).toMatchObject({ "my-metadata": "a", "my-bin": "AAEC", te: "trailers", "content-type": expect.stringMatching(/^application\/grpc/) });
    for (const name of ["cookie", "authorization", "origin", "referer", "x-forwarded-for", "sec-ch-ua", "host", "millrace-upstream-authorization"]) expect(seen[name], name).toBeUndefined();
  });

  it("refuses metadata above 16 KiB by itself", async () => {
    const before = upstream.calls.length;
    const { trailers } = await call({ "my-metadata": "x".repeat(16_000) });
    expect(trailers?.get("grpc-status")).toBe("8");
    expect(trailers?.get("millrace-reason")).toBe("limit");
    expect(upstream.calls.length).toBe(before);
    expect((await call({ "my-metadata": "x".repeat(14_000) })).trailers?.get("grpc-status")).toBe("0");
  });

  it("sends its own key upstream, and a caller's credentials only where the configuration lets them through", async () => {
    const settings = { url: upstream.url, apiKey: "of-the-gateway", allowInsecureApiKey: true };
    const own = await serveGateway({ upstreams: { umadb: settings } });
    const client = await serveGateway({ upstreams: { umadb: { ...settings, credentials: "client" } } });
    const headers = { host: "localhost", "millrace-upstream-authorization": "Bearer caller" };
    try {
      await call(headers, {}, own);
      expect(upstream.calls.at(-1)?.headers.authorization).toBe("Bearer of-the-gateway");
      await call(headers, {}, client);
      expect(upstream.calls.at(-1)?.headers.authorization).toBe("Bearer caller");
      await call({ host: "localhost" }, {}, client);
      expect(upstream.calls.at(-1)?.headers.authorization).toBe("Bearer of-the-gateway");
    } finally {
      await own.close();
      await client.close();
    }
  });

  it("refuses every call without a policy, and says what to do", async () => {
    const closed = await serveGateway({ upstreams: { umadb: { url: upstream.url } }, allowAll: false, hosts: ["localhost"] });
    const before = upstream.calls.length;
    const { trailers } = await call({ host: "localhost" }, {}, closed);
    await closed.close();
    expect(trailers?.get("grpc-status")).toBe("7");
    expect(trailers?.get("millrace-reason")).toBe("policy");
    expect(trailers?.get("grpc-message")).toContain("--allow-all");
    expect(upstream.calls.length).toBe(before);
  });

  it("speaks of a system that it has no upstream for", async () => {
    const { trailers } = await callOnce(served.url, "/kubemq.kubemq/Ping", new Uint8Array(0), { headers: { host: "gw.example", "content-type": GRPC_WEB } });
    expect(trailers?.get("grpc-status")).toBe("12");
  });
});
