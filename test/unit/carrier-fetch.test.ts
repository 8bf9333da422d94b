import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchCarrier, type CarrierCall, type CarrierResponse, type FetchCarrierOptions } from "millrace/carrier";
import { concatBytes } from "millrace/internal/core/bytes";
import { encodeEnvelope, encodeEnvelopes, encodeTrailerFrame, heartbeatFrame, payloadsOf } from "millrace/internal/wire/frames";
import { startWebServer, type SeenRequest, type WebServer } from "../support/web-server.js";

const open: WebServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function server(answer: (response: ServerResponse, request: SeenRequest) => unknown): Promise<WebServer> {
  const started = await startWebServer(answer);
  open.push(started);
  return started;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const trailers = (text: string): Uint8Array => encodeTrailerFrame(new TextEncoder().encode(text));
const OK = trailers("grpc-status: 0\r\n");

function begin(response: ServerResponse, headers: Record<string, string> = {}): ServerResponse {
  response.writeHead(200, { "content-type": "application/grpc-web+proto", ...headers });
  response.flushHeaders();
  return response;
}

function call(url: string | URL, more: Partial<CarrierCall> = {}, options: Partial<FetchCarrierOptions> = {}): CarrierResponse {
  return fetchCarrier({ url, ...options }).call({
    path: "/test.Service/Method", kind: "server", lane: "short", cancel: "delayed", headers: new Headers(), messages: [bytes(1, 2)], ...more,
  });
}

/** All messages, the response's end, and the error if there is one. */
async function drain(response: CarrierResponse) {
  const messages: number[][] = [];
  try {
    for (let chunk = await response.chunks.next(); chunk.done !== true; chunk = await response.chunks.next()) {
      messages.push(...payloadsOf(chunk.value).map((payload) => [...payload]));
    }
    const { status, message } = await response.trailers;
    return { messages, status, message };
  } catch (error) {
    return { messages, error: error as Error & { code?: string; applied?: string; cause?: unknown } };
  }
}

describe("fetchCarrier() request", () => {
  it("is a POST of one envelope as binary gRPC-Web to the method's path", async () => {
    const web = await server((response) => begin(response).end(OK));
    await drain(call(web.url, { kind: "unary", headers: new Headers({ authorization: "Bearer x", "data-bin": "AAE" }), timeoutMs: 4_000 }));
    const [request] = web.requests;
    expect([request?.method, request?.path]).toEqual(["POST", "/test.Service/Method"]);
    expect(request?.headers).toMatchObject({
      "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "grpc-timeout": "4000m", authorization: "Bearer x", "data-bin": "AAE",
    });
    expect([...(await request?.body ?? [])]).toEqual([0, 0, 0, 0, 2, 1, 2]);
  });

  it("asks for heartbeats where the answer is a stream, and only there", async () => {
    const web = await server((response) => begin(response).end(OK));
    for (const kind of ["server", "unary", "client"] as const) await drain(call(web.url, { kind }));
    await drain(call(web.url, { kind: "bidi", duplex: "half" }));
    await drain(call(web.url, {}, { heartbeatMs: 0 }));
    expect(web.requests.map((request) => request.headers["millrace-heartbeat-ms"])).toEqual(["15000", undefined, undefined, "15000", undefined]);
    expect(web.requests.map((request) => request.headers["grpc-timeout"])).toEqual(Array(5).fill(undefined));
  });

  it.each([["/", "/test.Service/Method"], ["/a/b", "/a/b/test.Service/Method"], ["/a/b//", "/a/b/test.Service/Method"]])("keeps the path %s of `url` as a prefix", async (prefix, path) => {
    const web = await server((response) => begin(response).end(OK));
    await drain(call(web.url + prefix));
    expect(web.requests[0]?.path).toBe(path);
  });

  it("holds all messages of a client stream, from an iterable of either kind", async () => {
    const web = await server((response) => begin(response).end(OK));
    async function* later() { yield bytes(1); yield bytes(2, 3); }
    await drain(call(web.url, { kind: "client", messages: later() }));
    await drain(call(web.url, { kind: "bidi", duplex: "half", messages: new Set([bytes(4), bytes()]) }));
    await drain(call(web.url, { kind: "client", messages: [] }));
    expect(await Promise.all(web.requests.map(async (request) => [...await request.body]))).toEqual([
      [...encodeEnvelopes([bytes(1), bytes(2, 3)])], [...encodeEnvelopes([bytes(4), bytes()])], [],
    ]);
  });

  it("refuses full-duplex bidi at once and says what to use", async () => {
    const web = await server(() => {});
    const { error } = await drain(call(web.url, { kind: "bidi" }));
    expect(error).toMatchObject({ code: "unsupported", applied: "no", message: expect.stringMatching(/tunnel.*http2Carrier.*half/) as string });
    expect(web.sockets()).toBe(0);
  });

  it.each([["no message", []], ["two messages", [bytes(1), bytes(2)]], ["a message that is no bytes", ["x"]]])("is not sent with %s where one is due", async (_, messages) => {
    const web = await server(() => {});
    for (const kind of ["unary", "server"] as const) {
      expect((await drain(call(web.url, { kind, messages: messages as Uint8Array[] }))).error).toMatchObject({ code: "invalid_argument", applied: "no" });
    }
    expect(web.sockets()).toBe(0);
  });

  it("is not sent when its messages fail, whose error is the call's", async () => {
    const web = await server(() => {});
    const own = new RangeError("mine");
    // eslint-disable-next-line require-yield
    function* failing(): Generator<Uint8Array> { throw own; }
    expect((await drain(call(web.url, { kind: "client", messages: failing() }))).error).toBe(own);
    expect(web.sockets()).toBe(0);
  });

  it("looks the platform's fetch up at each call, and prefers its own", async () => {
    const used: string[] = [];
    const answer = (name: string) => async () => { used.push(name); return new Response(OK as BodyInit, { headers: { "content-type": "application/grpc-web" } }); };
    const carrier = fetchCarrier({ url: "http://gw.example" });
    const platform = globalThis.fetch;
    try {
      globalThis.fetch = answer("platform");
      const request = { path: "/a/B", kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [bytes()] } as const;
      await drain(carrier.call(request));
      await drain(fetchCarrier({ url: "http://gw.example", fetch: answer("own") }).call(request));
    } finally {
      globalThis.fetch = platform;
    }
    expect(used).toEqual(["platform", "own"]);
  });
});

describe("fetchCarrier() answer", () => {
  it("gives headers, whole envelopes and trailers", async () => {
    const web = await server((response) => {
      begin(response, { "x-one": "1" });
      response.end(concatBytes([encodeEnvelopes([bytes(1), bytes(2)]), trailers("grpc-status: 9\r\ngrpc-message: a%20b\r\nx-two: 2\r\n")]));
    });
    const response = call(web.url);
    expect((await response.headers).get("x-one")).toBe("1");
    const first = await response.chunks.next();
    expect(first).toEqual({ done: false, value: encodeEnvelopes([bytes(1), bytes(2)]) });
    expect(await response.chunks.next()).toEqual({ done: true, value: undefined });
    const { status, message, headers } = await response.trailers;
    expect([status, message, headers.get("x-two")]).toEqual([9, "a b", "2"]);
  });

  it("joins messages that the network cut byte by byte", async () => {
    const body = concatBytes([encodeEnvelopes([bytes(1, 2, 3), bytes(), bytes(4)]), OK]);
    const web = await server(async (response) => {
      begin(response);
      for (const byte of body) await new Promise((resolve) => { response.write(bytes(byte), resolve); });
      response.end();
    });
    expect(await drain(call(web.url))).toEqual({ messages: [[1, 2, 3], [], [4]], status: 0, message: "" });
  });

  it("takes a status among the headers of an empty answer", async () => {
    const web = await server((response) => begin(response, { "grpc-status": "7", "grpc-message": "not %E2%82%AC" }).end());
    const response = call(web.url);
    const order: string[] = [];
    void response.trailers.then(() => order.push("trailers"));
    void response.headers.then(() => order.push("headers"));
    expect(await drain(response)).toEqual({ messages: [], status: 7, message: "not €" });
    await response.headers;
    expect(order).toEqual(["trailers", "headers"]);
  });

  it.each([[401, 16, "no"], [403, 7, "no"], [404, 12, "no"], [413, 8, "no"], [429, 8, "no"], [502, 14, null], [503, 14, null], [504, 14, null]])(
    "reads HTTP %i as status %i, and shows nothing of the page that came with it", async (http, status, applied) => {
      const web = await server((response) => response.writeHead(http, { "content-type": "text/html", "retry-after": "3" }).end("<h1>secret</h1>"));
      const response = call(web.url);
      expect(await drain(response)).toEqual({ messages: [], status, message: `The gateway answered HTTP ${http}` });
      const { headers } = await response.trailers;
      expect([headers.get("millrace-applied"), headers.get("millrace-retry-after-ms")]).toEqual([applied, "3000"]);
    });

  it("prefers a gRPC status to HTTP's", async () => {
    const web = await server((response) => response.writeHead(403, { "grpc-status": "16", "grpc-message": "expired" }).end());
    expect(await drain(call(web.url))).toEqual({ messages: [], status: 16, message: "expired" });
  });

  it.each([400, 405, 500, 501])("refuses HTTP %i without a status as no answer of a gateway", async (http) => {
    const web = await server((response) => response.writeHead(http, { "content-type": "text/html" }).end("secret"));
    const { error } = await drain(call(web.url));
    expect(error).toMatchObject({ code: "protocol", applied: "unknown", message: `The gateway answered HTTP ${http}` });
  });

  it.each(["text/html", "application/json", "application/grpc", "application/grpc-web-text", "application/grpc-webx", ""])("refuses the content type %j", async (type) => {
    const web = await server((response) => response.writeHead(200, type === "" ? {} : { "content-type": type }).end(OK));
    const { error } = await drain(call(web.url));
    expect(error).toMatchObject({ code: "protocol", applied: "unknown", message: expect.stringContaining("not gRPC-Web") as string });
  });

  it.each(["application/grpc-web", "application/grpc-web+proto", "Application/gRPC-Web+Proto; charset=utf-8"])("takes the content type %j", async (type) => {
    const web = await server((response) => response.writeHead(200, { "content-type": type }).end(OK));
    expect((await drain(call(web.url))).status).toBe(0);
  });

  it("refuses a redirect and does not follow it", async () => {
    const target = await server((response) => begin(response).end(OK));
    const web = await server((response) => response.writeHead(307, { location: target.url }).end());
    const { error } = await drain(call(web.url));
    expect(error).toMatchObject({ code: "protocol", message: expect.stringContaining("redirect") as string });
    expect(target.sockets()).toBe(0);
  });

  it.each([
    ["a compressed message", bytes(1, 0, 0, 0, 1, 9), "protocol"],
    ["data after the trailers", concatBytes([OK, encodeEnvelope(bytes(3))]), "protocol"],
    ["malformed trailers", trailers("grpc-status: maybe\r\n"), "protocol"],
    ["trailers without a status", trailers("x: 1\r\n"), "protocol"],
    ["no trailers", bytes(), "unavailable"],
    ["an end in the middle of a message", bytes(0, 0, 0, 0, 9, 1), "unavailable"],
  ])("ends with an error for %s, after the messages before it", async (_, tail, code) => {
    const web = await server((response) => begin(response).end(concatBytes([encodeEnvelope(bytes(1)), tail])));
    const response = call(web.url);
    const { messages, error } = await drain(response);
    expect(messages).toEqual([[1]]);
    expect(error).toMatchObject({ code, applied: "unknown" });
    await expect(response.trailers).rejects.toBe(error);
  });

  it("refuses a message above maxMessageBytes at its header, and frees the request", async () => {
    const web = await server((response) => begin(response).write(bytes(0, 0, 0, 0, 101)));
    const { error } = await drain(call(web.url, { maxMessageBytes: 100 }));
    expect(error).toMatchObject({ code: "resource_exhausted", message: expect.stringContaining("101 bytes came, 100 are allowed (maxMessageBytes)") as string });
    await web.requests[0]?.left;
  });

  it("takes the carrier's limit where the call has none", async () => {
    const web = await server((response) => begin(response).end(concatBytes([encodeEnvelope(new Uint8Array(11)), OK])));
    expect((await drain(call(web.url, {}, { maxMessageBytes: 10 }))).error).toMatchObject({ code: "resource_exhausted" });
    expect((await drain(call(web.url, {}, { maxMessageBytes: 11 }))).status).toBe(0);
  });

  it("is complete with its trailers although its body stays open", async () => {
    const web = await server((response) => begin(response).write(concatBytes([encodeEnvelope(bytes(1)), OK])));
    expect(await drain(call(web.url))).toEqual({ messages: [[1]], status: 0, message: "" });
    await web.requests[0]?.left;
  });

  it("reuses its connection after a complete answer", async () => {
    const web = await server((response) => begin(response).end(concatBytes([encodeEnvelope(bytes(1)), OK])));
    for (let i = 0; i < 8; i++) await drain(call(web.url, { kind: "unary" }));
    // Node frees a connection a moment after the answer's end, so a second one may be opened.
    expect(web.sockets()).toBeLessThanOrEqual(2);
  });
});

describe("fetchCarrier() lost connection", () => {
  it("says that nothing was sent where no connection stood", async () => {
    const web = await server(() => {});
    await web.close();
    open.pop();
    const { error } = await drain(call(`${web.url}/secret-path`));
    expect(error).toMatchObject({ code: "unavailable", applied: "no", message: expect.stringContaining(`${web.url} was not reached`) as string });
    expect(error?.message).not.toContain("secret");
    expect((await drain(call("http://no-such-host.invalid"))).error).toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("leaves open what became of a request whose connection broke before an answer", async () => {
    const web = await server((response) => response.socket?.resetAndDestroy());
    const response = call(web.url);
    const { error } = await drain(response);
    expect(error).toMatchObject({ code: "unavailable", applied: "unknown" });
    expect(error?.cause).toBeInstanceOf(Error);
    await expect(response.headers).rejects.toBe(error);
  });

  it("gives what came before it broke", async () => {
    const web = await server((response) => {
      begin(response).write(concatBytes([encodeEnvelope(bytes(1)), bytes(0, 0)]), () => response.socket?.resetAndDestroy());
    });
    const response = call(web.url);
    await response.headers;
    const { messages, error } = await drain(response);
    expect(messages.length <= 1).toBe(true);
    expect(error).toMatchObject({ code: "unavailable", applied: "unknown", message: expect.stringContaining(`${web.url} was lost`) as string });
  });

  it("is noticed when a promised heartbeat is missed for 2.5 times its interval", async () => {
    const web = await server((response) => begin(response, { "millrace-heartbeat-ms": "40" }).write(heartbeatFrame()));
    const started = performance.now();
    const { error } = await drain(call(web.url, {}, { heartbeatMs: 40 }));
    expect(error).toMatchObject({ code: "unavailable", applied: "unknown", message: expect.stringContaining("silent for 100 ms") as string });
    expect(performance.now() - started).toBeGreaterThanOrEqual(99);
    await web.requests[0]?.left;
  });

  it("is not suspected while heartbeats come", async () => {
    const web = await server((response) => {
      begin(response, { "millrace-heartbeat-ms": "100" });
      let beats = 0;
      const timer = setInterval(() => {
        response.write(heartbeatFrame());
        if (++beats < 8) return;
        clearInterval(timer);
        response.end(concatBytes([encodeEnvelope(bytes(1)), OK]));
      }, 50);
    });
    expect(await drain(call(web.url))).toEqual({ messages: [[1]], status: 0, message: "" });
  });
});

describe("fetchCarrier() end by the caller", () => {
  /** A server that answers with one message and then stays. */
  const staying = () => server((response) => begin(response).write(encodeEnvelope(bytes(1))));

  it("frees the request at once when the chunks are left, whatever is pending", async () => {
    const web = await staying();
    const response = call(web.url);
    await response.chunks.next();
    const pending = response.chunks.next();
    expect(await response.chunks.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    await expect(response.trailers).rejects.toMatchObject({ code: "unavailable" });
    await web.requests[0]?.left;
    expect(await response.chunks.next()).toEqual({ done: true, value: undefined });
  });

  it("frees the request before its headers have come", async () => {
    const web = await server(() => {});
    const response = call(web.url);
    await vi.waitFor(() => expect(web.requests).toHaveLength(1));
    await response.chunks.return?.();
    await expect(response.headers).rejects.toMatchObject({ code: "unavailable" });
    await web.requests[0]?.left;
  });

  it("rejects all that is pending with exactly the signal's reason, and frees the request", async () => {
    const web = await staying();
    const controller = new AbortController();
    const reason = Symbol("mine");
    const response = call(web.url, { signal: controller.signal });
    await response.chunks.next();
    const pending = response.chunks.next();
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(response.trailers).rejects.toBe(reason);
    await expect(response.chunks.next()).rejects.toBe(reason);
    await web.requests[0]?.left;
  });

  it("drops what was received and not taken", async () => {
    const web = await server((response) => begin(response).write(concatBytes([encodeEnvelope(bytes(1)), heartbeatFrame(), encodeEnvelope(bytes(2))])));
    const controller = new AbortController();
    const response = call(web.url, { signal: controller.signal });
    await response.chunks.next();
    controller.abort("reason");
    await expect(response.chunks.next()).rejects.toBe("reason");
  });

  it("sends nothing when the signal is aborted already, or while messages are collected", async () => {
    const web = await server(() => {});
    expect((await drain(call(web.url, { signal: AbortSignal.abort("early") }))).error).toBe("early");
    const controller = new AbortController();
    let returned = false;
    const endless: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => { controller.abort("meanwhile"); return new Promise(() => {}); },
        return: async () => { returned = true; return { done: true, value: undefined }; },
      }),
    };
    expect((await drain(call(web.url, { kind: "client", messages: endless, signal: controller.signal }))).error).toBe("meanwhile");
    expect([returned, web.sockets()]).toEqual([true, 0]);
  });

  it("comes after timeoutMs with code timeout", async () => {
    const web = await server(() => {});
    const { error } = await drain(call(web.url, { kind: "unary", timeoutMs: 60 }));
    expect(error).toMatchObject({ code: "timeout", applied: "unknown", message: "/test.Service/Method was not answered within 60 ms" });
    await web.requests[0]?.left;
  });

  it("comes after connectTimeoutMs where a stream does not begin to answer, but not where one answer is awaited", async () => {
    const web = await server((response, request) => {
      if (request.path === "/slow/Unary") setTimeout(() => begin(response).end(concatBytes([encodeEnvelope(bytes(1)), OK])), 150);
    });
    const { error } = await drain(call(web.url, {}, { connectTimeoutMs: 50 }));
    expect(error).toMatchObject({ code: "unavailable", applied: "unknown", message: `${web.url} did not begin to answer within 50 ms` });
    await web.requests[0]?.left;
    expect(await drain(call(web.url, { path: "/slow/Unary", kind: "unary" }, { connectTimeoutMs: 50 }))).toMatchObject({ messages: [[1]], status: 0 });
  });

  it("comes with close(), for calls that run and calls that come later", async () => {
    const web = await staying();
    const carrier = fetchCarrier({ url: web.url });
    const request = { path: "/a/B", kind: "server", lane: "live", cancel: "delayed", headers: new Headers(), messages: [bytes()] } as const;
    const response = carrier.call(request);
    await response.chunks.next();
    await carrier.close();
    await carrier.close();
    expect((await drain(response)).error).toMatchObject({ code: "unavailable", message: "The carrier is closed" });
    expect((await drain(carrier.call(request))).error).toMatchObject({ code: "unavailable", applied: "no" });
    await web.requests[0]?.left;
    expect(web.requests).toHaveLength(1);
  });

  it("reads no more than is taken", async () => {
    let written = 0;
    const web = await server(async (response) => {
      begin(response);
      const closed = new Promise((resolve) => { response.once("close", resolve); });
      while (!response.destroyed && written < 64 * 1024 * 1024) {
        const more = response.write(encodeEnvelope(new Uint8Array(64 * 1024)));
        written += 64 * 1024;
        if (!more) await Promise.race([closed, new Promise((resolve) => { response.once("drain", resolve); })]);
      }
    });
    const response = call(web.url);
    await response.chunks.next();
    let before = -1;
    await vi.waitFor(() => {
      const stands = written === before;
      before = written;
      expect(stands).toBe(true);
    }, { interval: 200, timeout: 10_000 });
    expect(written).toBeLessThan(32 * 1024 * 1024);
    await response.chunks.return?.();
  });
});

describe("fetchCarrier() options", () => {
  it.each([
    ["nothing", undefined], ["an empty string", ""], ["a relative address outside of a page", "/gw"], ["another scheme", "ftp://x"], ["no URL", "http://"],
    ["a number", 1], ["a password", "http://u:p@host"], ["a query", "http://host/?token=secret"], ["a fragment", "http://host/#x"],
  ])("refuse %s as url without showing it", (_, url) => {
    expect(() => fetchCarrier({ url: url as string })).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(/^`url` must (?!.*secret)/) as string }));
  });

  it.each([
    ["connectTimeoutMs", 0], ["connectTimeoutMs", null], ["heartbeatMs", null], ["connectTimeoutMs", 1.5], ["connectTimeoutMs", 2 ** 31], ["maxMessageBytes", 0], ["maxMessageBytes", "1"], ["heartbeatMs", -1], ["fetch", "x"], ["redirect", "follow"],
  ])("refuse %s: %j", (name, value) => {
    expect(() => fetchCarrier({ url: "http://host", [name]: value })).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(`\`${name}\``) as string }));
  });

  it("resolve a relative address against the page", async () => {
    const asked: string[] = [];
    const fetch = async (url: unknown): Promise<Response> => { asked.push(String(url)); throw new TypeError("x"); };
    vi.stubGlobal("document", { baseURI: "https://site.example/app/index.html?q=1" });
    try {
      for (const url of ["/", "gw", "/gw/", new URL("https://other.example/")]) await drain(call(url, {}, { fetch: fetch }));
    } finally {
      vi.unstubAllGlobals();
    }
    expect(asked).toEqual(["https://site.example", "https://site.example/app/gw", "https://site.example/gw", "https://other.example"].map((base) => `${base}/test.Service/Method`));
  });
});
