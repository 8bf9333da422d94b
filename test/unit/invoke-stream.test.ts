import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "millrace";
import { openConnection, type ConnectionOptions } from "millrace/internal/carrier/connection";
import { openStream, type OpenStream } from "millrace/internal/carrier/stream";
import { payloadsOf } from "millrace/internal/wire/frames";
import { umadbMethods } from "millrace/internal/wire/methods";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

beforeEach(() => { vi.useFakeTimers(); vi.spyOn(Math, "random").mockReturnValue(0.5); });
afterEach(() => { vi.useRealTimers(); vi.restoreAllMocks(); });

const { read, subscribe } = umadbMethods;
const REQUEST = Uint8Array.of(9);
const DONE = { done: true, value: undefined };
const gone = () => new MillraceError("unavailable", "gone", { applied: "unknown" });
const soon = () => vi.advanceTimersByTimeAsync(0);

function connect(answer: (call: ScriptedCall, index: number) => void, options: ConnectionOptions = {}) {
  const carrier = scriptedCarrier(answer);
  return { carrier, connection: openConnection("umadb", { carrier, ...options }, { toError: (trailers, _, applied) => errorOfTrailers(trailers, "umadb", applied) }) };
}

/** All first bytes of all messages, and the error at the end if there is one. */
async function drain(stream: OpenStream) {
  const messages: (number | undefined)[] = [];
  try {
    for (let chunk = await stream.next(); chunk.done !== true; chunk = await stream.next()) messages.push(...payloadsOf(chunk.value).map((payload) => payload[0]));
    return { messages };
  } catch (error) {
    return { messages, error };
  }
}

function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
  return { controller, signal, listeners: () => listeners };
}

describe("openStream()", () => {
  it("sends the request at once and gives headers and chunks in order", async () => {
    const { carrier, connection } = connect((call) => {
      call.headers({ a: "1" });
      call.chunk(Uint8Array.of(1), Uint8Array.of(2));
      call.chunk(Uint8Array.of(3));
      call.status(0);
    });
    const stream = openStream(connection, read, REQUEST);
    await soon();
    expect(carrier.calls[0]?.call).toMatchObject({ path: "/umadb.v1.DCB/Read", kind: "server", lane: "short", messages: [REQUEST] });
    expect(carrier.calls[0]?.call.timeoutMs).toBeUndefined();
    expect((await stream.headers).get("a")).toBe("1");
    expect(await drain(stream)).toEqual({ messages: [1, 2, 3] });
    expect(await stream.next()).toEqual(DONE);
  });

  it("serves several waiting calls of next() in order", async () => {
    const { carrier, connection } = connect((call) => call.headers());
    const stream = openStream(connection, read, REQUEST);
    const pending = Promise.all([stream.next(), stream.next(), stream.next()]);
    await soon();
    for (const value of [1, 2]) carrier.calls[0]?.chunk(Uint8Array.of(value));
    carrier.calls[0]?.status(0);
    expect((await pending).map((chunk) => (chunk.done === true ? undefined : chunk.value[5]))).toEqual([1, 2, undefined]);
  });

  it("ends with the system's error for a status, after the chunks before it, once", async () => {
    const { connection } = connect((call) => {
      call.chunk(Uint8Array.of(1));
      call.status(5, "no such stream");
    });
    const stream = openStream(connection, read, REQUEST);
    expect(await drain(stream)).toMatchObject({ messages: [1], error: { code: "not_found", message: "no such stream", system: "umadb", applied: "no" } });
    expect(await stream.next()).toEqual(DONE);
  });

  it("throws for wrong options before anything is sent", () => {
    const { carrier, connection } = connect(() => {});
    for (const options of [null, { timeoutMs: -1 }, { signal: 1 }, { headers: { a: "\n" } }, { after: 1n }]) {
      expect(() => openStream(connection, read, REQUEST, options as never)).toThrow(expect.objectContaining({ code: "invalid_argument", system: "umadb" }));
    }
    expect(carrier.calls).toHaveLength(0);
  });
});

describe("openStream() repeats", () => {
  it("a read that failed before its first chunk, and its headers are those of the try that succeeded", async () => {
    const { carrier, connection } = connect((call, index) => {
      call.headers({ try: String(index) });
      if (index < 2) return call.fail(gone());
      call.chunk(Uint8Array.of(7));
      return call.status(0);
    });
    const stream = openStream(connection, read, REQUEST);
    const messages = drain(stream);
    await vi.advanceTimersByTimeAsync(150);
    expect(await messages).toEqual({ messages: [7] });
    expect((await stream.headers).get("try")).toBe("2");
    expect(carrier.calls).toHaveLength(3);
  });

  it("a status 14 too, four tries in all", async () => {
    const { carrier, connection } = connect((call) => call.status(14, "draining"));
    const messages = drain(openStream(connection, read, REQUEST));
    await vi.advanceTimersByTimeAsync(350);
    expect(await messages).toMatchObject({ messages: [], error: { code: "unavailable", message: "draining" } });
    expect(carrier.calls).toHaveLength(4);
  });

  it("nothing after the first chunk, and no live stream", async () => {
    const { carrier, connection } = connect((call) => {
      if (call.call.lane === "short") call.chunk(Uint8Array.of(1));
      call.fail(gone());
    });
    expect(await drain(openStream(connection, read, REQUEST))).toMatchObject({ messages: [1], error: { code: "unavailable", applied: "no" } });
    const live = openStream(connection, subscribe, REQUEST);
    expect(await drain(live)).toMatchObject({ messages: [], error: { code: "unavailable" } });
    await expect(live.headers).rejects.toMatchObject({ code: "unavailable" });
    expect(carrier.calls).toHaveLength(2);
  });

  it("a call with refreshed headers after `unauthenticated`, live streams too", async () => {
    const { carrier, connection } = connect((call) => {
      if (call.call.headers.get("token") !== "new") return call.status(16);
      call.headers({ ok: "1" });
      call.chunk(Uint8Array.of(1));
      return call.status(0);
    }, { headers: ({ refresh }) => ({ token: refresh ? "new" : "old" }) });
    const stream = openStream(connection, subscribe, REQUEST);
    expect(await drain(stream)).toEqual({ messages: [1] });
    expect((await stream.headers).get("ok")).toBe("1");
    expect(carrier.calls).toHaveLength(2);
  });
});

describe("openStream() headers", () => {
  it("of a live stream come before its first chunk", async () => {
    const { connection } = connect((call) => call.headers({ a: "1" }));
    const stream = openStream(connection, subscribe, REQUEST);
    expect((await stream.headers).get("a")).toBe("1");
    await stream.return();
  });

  it("of a stream that its server refused at once do not come", async () => {
    const { connection } = connect((call) => call.status(7, "no"));
    for (const method of [subscribe, read]) await expect(openStream(connection, method, REQUEST).headers).rejects.toMatchObject({ code: "permission_denied" });
  });

  it("may be ignored when they fail", async () => {
    const { connection } = connect((call) => call.status(7, "no"));
    openStream(connection, subscribe, REQUEST);
    // An unhandled rejection would fail the whole run.
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("openStream() end", () => {
  const staying = (call: ScriptedCall): void => {
    call.headers();
    call.chunk(Uint8Array.of(1));
  };

  it("by return() frees the request at once and tells a pending next() that there is no more", async () => {
    const { carrier, connection } = connect(staying);
    const stream = openStream(connection, subscribe, REQUEST);
    await stream.next();
    const pending = stream.next();
    await soon();
    const left = stream.return();
    expect(carrier.calls[0]?.call.signal?.aborted).toBe(true);
    expect([await left, await pending, await stream.next(), await stream.return()]).toEqual([DONE, DONE, DONE, DONE]);
  });

  it("by return() before anything came rejects the headers and nothing else", async () => {
    const { connection } = connect(() => {});
    const stream = openStream(connection, read, REQUEST);
    const pending = stream.next();
    await soon();
    await stream.return();
    expect(await pending).toEqual(DONE);
    await expect(stream.headers).rejects.toMatchObject({ code: "unavailable", message: "The call was left" });
  });

  it("by an abort is exactly the caller's reason, whenever it comes", async () => {
    const reason = Symbol("mine");
    const cases: [string, (call: ScriptedCall) => void, number][] = [["before the answer", () => {}, 0], ["during a pause", (call) => call.fail(gone()), 0], ["after a chunk", staying, 1]];
    for (const [when, answer, chunks] of cases) {
      const { connection } = connect(answer);
      const controller = new AbortController();
      const stream = openStream(connection, read, REQUEST, { signal: controller.signal });
      for (let i = 0; i < chunks; i++) await stream.next();
      const pending = stream.next().catch((error: unknown) => error);
      await soon();
      controller.abort(reason);
      expect([when, await pending]).toEqual([when, reason]);
      expect(await stream.next()).toEqual(DONE);
    }
  });

  it("by an abort between two chunks is told at the next one, although another was received", async () => {
    const { connection } = connect((call) => {
      staying(call);
      call.chunk(Uint8Array.of(2));
    });
    const controller = new AbortController();
    const stream = openStream(connection, read, REQUEST, { signal: controller.signal });
    await stream.next();
    controller.abort("reason");
    await expect(stream.next()).rejects.toBe("reason");
  });

  it("by an abort is told instead of a first chunk that came before it and was not taken", async () => {
    const { connection } = connect(staying);
    const controller = new AbortController();
    const stream = openStream(connection, read, REQUEST, { signal: controller.signal });
    await stream.headers;
    controller.abort("reason");
    await expect(stream.next()).rejects.toBe("reason");
  });

  it("by an abort before it began sends nothing", async () => {
    const { carrier, connection } = connect(staying);
    const stream = openStream(connection, read, REQUEST, { signal: AbortSignal.abort("early") });
    await expect(stream.next()).rejects.toBe("early");
    await expect(stream.headers).rejects.toBe("early");
    expect(carrier.calls).toHaveLength(0);
  });

  it("comes when a read waits 30 s for a chunk, its repeats included", async () => {
    const { connection } = connect((call) => setTimeout(() => call.fail(gone()), 10_000));
    const ended = vi.fn();
    openStream(connection, read, REQUEST).next().catch(ended);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledWith(expect.objectContaining({ code: "timeout", applied: "no", message: "/umadb.v1.DCB/Read sent nothing for 30000 ms" }));
  });

  it("comes when the next chunk is late, but not when its consumer is", async () => {
    const { carrier, connection } = connect(staying, { timeoutMs: 100 });
    const stream = openStream(connection, read, REQUEST);
    await stream.next();
    await vi.advanceTimersByTimeAsync(1_000);
    const second = stream.next();
    await vi.advanceTimersByTimeAsync(99);
    carrier.calls[0]?.chunk(Uint8Array.of(2));
    expect((await second).done).toBe(false);
    const third = stream.next().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(await third).toMatchObject({ code: "timeout" });
    expect(carrier.calls[0]?.call.signal?.aborted).toBe(true);
  });

  it("does not come to a quiet live stream, unless the call itself says so", async () => {
    const { connection } = connect(staying, { timeoutMs: 100 });
    const stream = openStream(connection, subscribe, REQUEST);
    const strict = openStream(connection, subscribe, REQUEST, { timeoutMs: 500 });
    await Promise.all([stream.next(), strict.next()]);
    const [quiet, late] = [vi.fn(), vi.fn()];
    stream.next().catch(quiet);
    strict.next().catch(late);
    await vi.advanceTimersByTimeAsync(500);
    expect([quiet.mock.calls.length, late.mock.calls.length]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(quiet).not.toHaveBeenCalled();
  });

  it("comes with close() of the connection", async () => {
    const { connection } = connect(staying);
    const stream = openStream(connection, subscribe, REQUEST);
    await stream.next();
    const pending = stream.next().catch((error: unknown) => error);
    await connection.close();
    expect(await pending).toMatchObject({ code: "unavailable", message: "The client is closed" });
  });

  const ways: [string, (call: ScriptedCall) => void, (stream: OpenStream, controller: AbortController) => unknown][] = [
    ["its end", (call) => { staying(call); call.status(0); }, drain],
    ["a status", (call) => { staying(call); call.status(5); }, drain],
    ["an error at its opening that nobody waits for", (call) => call.fail(new MillraceError("protocol", "x")), soon],
    ["an error", (call) => { staying(call); call.fail(gone()); }, drain],
    ["return()", staying, (stream) => stream.return()],
    ["an abort", staying, (_, controller) => controller.abort()],
    ["a time-out", () => {}, async (stream) => { const end = drain(stream); await vi.advanceTimersByTimeAsync(30_000); await end; }],
  ];

  it.each(ways)("leaves no timer and no listener behind: %s", async (_, answer, act) => {
    const { connection } = connect(answer);
    const { controller, signal, listeners } = countedSignal();
    const stream = openStream(connection, read, REQUEST, { signal });
    await soon();
    await act(stream, controller);
    await soon();
    expect([vi.getTimerCount(), signal.aborted || listeners() === 0]).toEqual([0, true]);
  });
});
