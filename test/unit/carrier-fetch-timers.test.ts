import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchCarrier, type CarrierCall, type CarrierResponse } from "millrace/carrier";
import { encodeEnvelope, encodeTrailerFrame, heartbeatFrame } from "millrace/internal/wire/frames";

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

const OK = encodeTrailerFrame(new TextEncoder().encode("grpc-status: 0\r\n"));

/** A `fetch` whose answers are written by the test; it ignores its signal, as a careless replacement would. */
function manual() {
  let answer!: (headers?: Record<string, string>) => void;
  let fail!: (error: unknown) => void;
  let body!: ReadableStreamDefaultController<Uint8Array>;
  const signals: AbortSignal[] = [];
  const cancelled = vi.fn();
  const stream = new ReadableStream<Uint8Array>({ start(controller) { body = controller; }, cancel: cancelled });
  const fetch = vi.fn((_: unknown, init?: RequestInit) => {
    signals.push(init?.signal as AbortSignal);
    return new Promise<Response>((resolve, reject) => {
      fail = reject;
      answer = (headers = {}) => resolve(new Response(stream, { headers: { "content-type": "application/grpc-web+proto", ...headers } }));
    });
  });
  return {
    fetch: fetch as unknown as typeof globalThis.fetch, signals, cancelled,
    answer: (headers?: Record<string, string>) => answer(headers),
    fail: (error: unknown) => fail(error),
    write: (bytes: Uint8Array) => body.enqueue(bytes),
    end: () => body.close(),
  };
}

function begin(more: Partial<CarrierCall> = {}) {
  const web = manual();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
  const response: CarrierResponse = fetchCarrier({ url: "http://gw.example", fetch: web.fetch }).call({
    path: "/a/B", kind: "server", lane: "live", cancel: "delayed", headers: new Headers(), messages: [Uint8Array.of(1)], signal, ...more,
  });
  return { web, controller, response, listeners: () => listeners };
}

const soon = () => vi.advanceTimersByTimeAsync(0);

describe("fetchCarrier() silence", () => {
  it("is a lost connection after 37.5 s where the gateway promised a heartbeat every 15 s", async () => {
    const { web, response } = begin();
    await soon();
    web.answer({ "millrace-heartbeat-ms": "15000" });
    const lost = vi.fn();
    response.chunks.next().catch(lost);
    await vi.advanceTimersByTimeAsync(37_499);
    expect(lost).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(lost).toHaveBeenCalledWith(expect.objectContaining({ code: "unavailable" }));
    expect(web.signals[0]?.aborted).toBe(true);
  });

  it("begins anew with each heartbeat and each message", async () => {
    const { web, response } = begin();
    await soon();
    web.answer({ "millrace-heartbeat-ms": "15000" });
    const next = response.chunks.next();
    for (let i = 0; i < 5; i++) {
      await vi.advanceTimersByTimeAsync(30_000);
      web.write(heartbeatFrame());
    }
    web.write(encodeEnvelope(Uint8Array.of(1)));
    expect((await next).done).toBe(false);
    const second = response.chunks.next();
    await vi.advanceTimersByTimeAsync(37_000);
    web.write(encodeEnvelope(Uint8Array.of(2)));
    expect((await second).done).toBe(false);
  });

  it("means nothing while nobody waits for a chunk", async () => {
    const { web, response } = begin();
    await soon();
    web.answer({ "millrace-heartbeat-ms": "15000" });
    web.write(encodeEnvelope(Uint8Array.of(1)));
    await response.chunks.next();
    await vi.advanceTimersByTimeAsync(600_000);
    web.write(encodeEnvelope(Uint8Array.of(2)));
    expect((await response.chunks.next()).done).toBe(false);
  });

  it.each([["none", {}], ["0", { "millrace-heartbeat-ms": "0" }], ["no number", { "millrace-heartbeat-ms": "soon" }]])("means nothing where the promise is %s", async (_, headers) => {
    const { web, response } = begin();
    await soon();
    web.answer(headers);
    const next = response.chunks.next();
    await vi.advanceTimersByTimeAsync(3_600_000);
    web.write(encodeEnvelope(Uint8Array.of(1)));
    expect((await next).done).toBe(false);
  });

  it("is not believed at once when the timer itself comes late, as after a machine's sleep", async () => {
    const { web, response } = begin();
    await soon();
    web.answer({ "millrace-heartbeat-ms": "15000" });
    const lost = vi.fn();
    response.chunks.next().catch(lost);
    await vi.advanceTimersByTimeAsync(37_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lost).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(lost).toHaveBeenCalledOnce();
  });
});

describe("fetchCarrier() silence after a late timer", () => {
  it("is forgotten when something comes", async () => {
    const { web, response } = begin();
    await soon();
    web.answer({ "millrace-heartbeat-ms": "15000" });
    const next = response.chunks.next();
    await vi.advanceTimersByTimeAsync(37_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(1_000);
    web.write(encodeEnvelope(Uint8Array.of(1)));
    expect((await next).done).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("fetchCarrier() timers and listeners", () => {
  it("waits 10 s for the headers of a stream by default", async () => {
    const { response } = begin();
    const failed = vi.fn();
    response.headers.catch(failed);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "unavailable", message: expect.stringContaining("within 10000 ms") as string }));
  });

  it("waits a second for a body to end after its trailers", async () => {
    const { web, response } = begin();
    await soon();
    web.answer();
    web.write(OK);
    const ended = vi.fn();
    void response.trailers.then(ended);
    void response.chunks.next();
    await vi.advanceTimersByTimeAsync(999);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledOnce();
    expect(web.cancelled).toHaveBeenCalledOnce();
  });

  it("settles at once on an abort although fetch does not, and drops its late answer", async () => {
    const { web, controller, response } = begin();
    await soon();
    controller.abort("mine");
    await expect(response.headers).rejects.toBe("mine");
    web.answer();
    await soon();
    expect(web.cancelled).toHaveBeenCalledOnce();
  });

  const ways: [string, (call: ReturnType<typeof begin>) => Promise<unknown>][] = [
    ["a proper end", async ({ web, response }) => {
      web.answer({ "millrace-heartbeat-ms": "15000" });
      web.write(OK);
      web.end();
      await response.chunks.next();
    }],
    ["a status among the headers", async ({ web, response }) => {
      web.answer({ "grpc-status": "5" });
      await response.trailers;
    }],
    ["an answer that is none", async ({ web, response }) => {
      web.answer({ "content-type": "text/html" });
      await response.trailers.catch(() => {});
    }],
    ["a failed fetch", async ({ web, response }) => {
      web.fail(new TypeError("x"));
      await response.trailers.catch(() => {});
    }],
    ["a broken message", async ({ web, response }) => {
      web.answer();
      web.write(Uint8Array.of(9, 0, 0, 0, 0));
      await response.chunks.next().catch(() => {});
    }],
    ["an abort", async ({ controller }) => { controller.abort(); }],
    ["return()", async ({ web, response }) => {
      web.answer({ "millrace-heartbeat-ms": "15000" });
      void response.chunks.next();
      await soon();
      await response.chunks.return?.();
    }],
    ["a time-out", async () => { await vi.advanceTimersByTimeAsync(30_000); }],
  ];

  it.each(ways)("leaves none behind after %s", async (_, way) => {
    const call = begin({ timeoutMs: 30_000 });
    expect(call.listeners()).toBe(1);
    await soon();
    expect(vi.getTimerCount()).toBe(2);
    await way(call);
    await soon();
    expect([vi.getTimerCount(), call.listeners() <= 0 || call.controller.signal.aborted]).toEqual([0, true]);
  });
});
