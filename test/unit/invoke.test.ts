import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "millrace";
import { openConnection, type Connection, type ConnectionOptions } from "millrace/internal/carrier/connection";
import { invokeUnary } from "millrace/internal/carrier/unary";
import { umadbMethods } from "millrace/internal/wire/methods";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

beforeEach(() => { vi.useFakeTimers(); vi.spyOn(Math, "random").mockReturnValue(0.5); });
afterEach(() => { vi.useRealTimers(); vi.restoreAllMocks(); });

const { head, append } = umadbMethods;
const REQUEST = Uint8Array.of(9);
const gone = (applied: "no" | "unknown" = "unknown") => new MillraceError("unavailable", "gone", { applied });

function connect(answer: (call: ScriptedCall, index: number) => void, options: ConnectionOptions = {}) {
  const carrier = scriptedCarrier(answer);
  const connection: Connection = openConnection("umadb", { carrier, ...options }, {
    toError: (trailers, method, applied) => errorOfTrailers({ ...trailers, message: `${method.path}: ${trailers.message}` }, "umadb", applied),
  });
  return { carrier, connection };
}

const ok = (call: ScriptedCall): void => {
  call.chunk(Uint8Array.of(1, 2));
  call.status(0);
};

/** What a promise comes to while fake time goes by. */
async function settled<T>(promise: Promise<T>, ms = 0): Promise<T | Error> {
  const caught = promise.catch((error: unknown) => error as Error);
  await vi.advanceTimersByTimeAsync(ms);
  return caught;
}

/** A signal that counts its listeners. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
  return { controller, signal, listeners: () => listeners };
}

describe("invokeUnary()", () => {
  it("gives the answer's payload, and makes the call as the method table says", async () => {
    const { carrier, connection } = connect(ok, { maxMessageBytes: 99, connectTimeoutMs: 77 });
    expect([...await invokeUnary(connection, head, REQUEST)]).toEqual([1, 2]);
    expect(carrier.calls[0]?.call).toMatchObject({
      path: "/umadb.v1.DCB/Head", kind: "unary", lane: "short", cancel: "delayed", messages: [REQUEST], timeoutMs: 30_000, connectTimeoutMs: 77, maxMessageBytes: 99,
    });
  });

  it("never tells the server of the deadline of a method that is not cancelled", async () => {
    const { carrier, connection } = connect(ok);
    await invokeUnary(connection, append, REQUEST, { timeoutMs: 500 });
    expect(carrier.calls[0]?.call).toMatchObject({ lane: "append", cancel: "never", timeoutMs: undefined });
  });

  it("makes the system's error of a status, which leaves a write open only where the status does", async () => {
    const statuses = [3, 7, 9, 14, 13];
    const { connection } = connect((call, index) => call.status(statuses[index % 5] as number, "why"), { retry: false });
    const errors = [];
    for (const method of [append, head]) for (const _ of statuses) errors.push(await invokeUnary(connection, method, REQUEST).catch((error: unknown) => error as MillraceError));
    expect(errors.map((error) => (error as MillraceError).applied)).toEqual(["no", "no", "no", "unknown", "unknown", ...Array<string>(5).fill("no")]);
    expect(errors[0]).toMatchObject({ code: "invalid_argument", message: "/umadb.v1.DCB/Append: why", system: "umadb" });
  });

  it.each([["no message", []], ["two messages", [Uint8Array.of(1), Uint8Array.of(2)]]])("refuses an answer of %s", async (_, messages) => {
    const { carrier, connection } = connect((call) => {
      if (messages.length === 0) call.status(0);
      else call.chunk(...messages);
    });
    await expect(invokeUnary(connection, append, REQUEST)).rejects.toMatchObject({ code: "protocol", system: "umadb", applied: "unknown" });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toMatchObject({ code: "protocol", applied: "no" });
    expect(carrier.calls.every((call) => call.left())).toBe(messages.length > 0);
  });

  it("gives an error of the carrier the system's name, and `no` where a repeat does no harm", async () => {
    const cause = new Error("socket");
    const { connection } = connect((call) => call.fail(new MillraceError("unavailable", "gone", { applied: "unknown", cause, reason: "drain" })), { retry: false });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toMatchObject({ system: "umadb", applied: "no", cause, reason: "drain" });
    await expect(invokeUnary(connection, append, REQUEST)).rejects.toMatchObject({ system: "umadb", applied: "unknown", cause });
  });

  it("keeps `no` of a write that certainly was not sent", async () => {
    const { connection } = connect((call) => call.fail(gone("no")), { retry: false });
    await expect(invokeUnary(connection, append, REQUEST)).rejects.toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("wraps what a carrier throws that is no error of ours", async () => {
    const { connection } = connect((call) => call.fail(new TypeError("odd")));
    await expect(invokeUnary(connection, append, REQUEST)).rejects.toMatchObject({ code: "internal", applied: "unknown", cause: expect.any(TypeError) as unknown });
  });

  it("wraps what a carrier throws instead of answering", async () => {
    const carrier = { call: () => { throw new TypeError("odd"); }, close: async () => {} };
    const connection = openConnection("umadb", { carrier }, { toError: (trailers) => errorOfTrailers(trailers, "umadb") });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toMatchObject({ code: "internal", system: "umadb", cause: expect.any(TypeError) as unknown });
  });

  it("sends nothing for wrong options, and names them", async () => {
    const { carrier, connection } = connect(ok);
    const wrong: [string, unknown][] = [
      ["options", null], ["options.signal", {}], ["options.timeoutMs", -1], ["options.timeoutMs", Number.NaN], ["options.timeoutMs", 1.5], ["options.timeoutMs", 2 ** 31], ["options.timeoutMs", "1"],
      ["options.headers", "x"], ["options.timout", 1],
    ];
    for (const [name, value] of wrong) {
      const options = name === "options" ? value : { [name.slice(8)]: value };
      await expect(invokeUnary(connection, head, REQUEST, options as never)).rejects.toMatchObject({ code: "invalid_argument", system: "umadb", message: expect.stringContaining(`\`${name}\``) as string });
    }
    expect(carrier.calls).toHaveLength(0);
  });
});

describe("invokeUnary() repeats", () => {
  it("a safe call after `unavailable`, with growing pauses, four tries in all", async () => {
    const { carrier, connection } = connect((call) => call.fail(gone()));
    const outcome = settled(invokeUnary(connection, head, REQUEST), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(carrier.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(50);
    expect(carrier.calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(100);
    expect(carrier.calls).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(200);
    expect(carrier.calls).toHaveLength(4);
    expect(await outcome).toMatchObject({ code: "unavailable" });
  });

  it("after a refusal that says how long to wait", async () => {
    const { carrier, connection } = connect((call, index) => (index === 0 ? call.status(8, "busy", { "millrace-retry-after-ms": "700" }) : ok(call)));
    const outcome = settled(invokeUnary(connection, head, REQUEST), 699);
    await vi.advanceTimersByTimeAsync(0);
    expect(carrier.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toEqual(Uint8Array.of(1, 2));
  });

  it("gives each try the time that is left", async () => {
    const { carrier, connection } = connect((call, index) => (index === 0 ? setTimeout(() => call.fail(gone()), 400) : ok(call)));
    await settled(invokeUnary(connection, head, REQUEST, { timeoutMs: 1_000 }), 450);
    expect(carrier.calls.map(({ call }) => call.timeoutMs)).toEqual([1_000, 550]);
  });

  it("a write too, where nothing of it was applied", async () => {
    const { carrier, connection } = connect((call, index) => (index === 0 ? call.fail(gone("no")) : ok(call)));
    expect(await settled(invokeUnary(connection, append, REQUEST), 5_000)).toEqual(Uint8Array.of(1, 2));
    expect(carrier.calls).toHaveLength(2);
  });

  it("never a write that may have been applied, nor anything with `retry: false`", async () => {
    const { carrier, connection } = connect((call) => call.fail(gone()));
    await expect(invokeUnary(connection, append, REQUEST)).rejects.toMatchObject({ code: "unavailable" });
    expect(carrier.calls).toHaveLength(1);
    const off = connect((call) => call.fail(gone()), { retry: false });
    await expect(invokeUnary(off.connection, head, REQUEST)).rejects.toMatchObject({ code: "unavailable" });
    expect(off.carrier.calls).toHaveLength(1);
  });
});

describe("invokeUnary() headers", () => {
  it("are the client's, with those of the call in place of the same names", async () => {
    const { carrier, connection } = connect(ok, { headers: { a: "1", B: "2" } });
    await invokeUnary(connection, head, REQUEST, { headers: [["b", "3"], ["c", "4"]] });
    expect([...carrier.calls[0]?.call.headers ?? []]).toEqual([["a", "1"], ["b", "3"], ["c", "4"]]);
  });

  it("come from a function for each call, and once more with `refresh` after `unauthenticated`, even for a write", async () => {
    const asked: boolean[] = [];
    const headers = async ({ refresh }: { refresh: boolean }) => { asked.push(refresh); return { authorization: refresh ? "new" : "old" }; };
    const { carrier, connection } = connect((call) => (call.call.headers.get("authorization") === "old" ? call.status(16, "expired") : ok(call)), { headers });
    expect(await invokeUnary(connection, append, REQUEST)).toEqual(Uint8Array.of(1, 2));
    expect(asked).toEqual([false, true]);
    expect(carrier.calls.map(({ call }) => call.headers.get("authorization"))).toEqual(["old", "new"]);
  });

  it("are refreshed once only, and not where they are a value", async () => {
    const { carrier, connection } = connect((call) => call.status(16, "no"), { headers: () => ({}) });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toMatchObject({ code: "unauthenticated", applied: "no" });
    expect(carrier.calls).toHaveLength(2);
    const fixed = connect((call) => call.status(16, "no"), { headers: {} });
    await expect(invokeUnary(fixed.connection, head, REQUEST)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(fixed.carrier.calls).toHaveLength(1);
  });

  it("are refreshed once a call, repeats included", async () => {
    const asked: boolean[] = [];
    const { carrier, connection } = connect((call, index) => (index === 1 ? call.fail(gone()) : call.status(16)), { headers: ({ refresh }) => { asked.push(refresh); return {}; } });
    expect(await settled(invokeUnary(connection, head, REQUEST), 1_000)).toMatchObject({ code: "unauthenticated" });
    expect([asked, carrier.calls.length]).toEqual([[false, true, false], 3]);
  });

  it("that are slow to be refreshed run into the deadline, when nothing was applied", async () => {
    const { connection } = connect((call) => call.status(16), { headers: ({ refresh }) => (refresh ? new Promise(() => {}) : {}) });
    expect(await settled(invokeUnary(connection, append, REQUEST, { timeoutMs: 200 }), 200)).toMatchObject({ code: "timeout", applied: "no" });
  });

  it("pass on what their function throws, as it is", async () => {
    const mine = new RangeError("login first");
    const { carrier, connection } = connect(ok, { headers: () => { throw mine; } });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toBe(mine);
    expect(carrier.calls).toHaveLength(0);
  });

  it("do not hold the call past its deadline, and nothing was applied then", async () => {
    const { carrier, connection } = connect(ok, { headers: () => new Promise(() => {}) });
    expect(await settled(invokeUnary(connection, append, REQUEST, { timeoutMs: 200 }), 200)).toMatchObject({ code: "timeout", applied: "no" });
    expect(carrier.calls).toHaveLength(0);
  });

  it.each([
    ["a line break", { a: "1\r\nb: 2" }], ["a line break at the end", { a: "1\n" }], ["a character above Latin-1", { a: "€" }], ["half a surrogate pair", { a: "\ud800" }],
    ["a zero byte", { a: "\0" }], ["an empty name", { "": "1" }], ["a name with a space", { "a b": "1" }], ["a name that is not ASCII", { ä: "1" }], ["a number", { a: 1 }], ["a missing value", { a: undefined }],
    ["a binary header that is no base64", { "a-bin": "?" }], ["a header of the protocol", { "grpc-timeout": "1S" }], ["a body header", { "Content-Type": "x" }], ["a pair of three", [["a", "b", "c"]]], ["a string", "a: b"], ["null", null],
  ])("refuse %s before anything is sent, without showing a value", async (_, headers) => {
    expect(() => connect(ok, { headers: headers as never })).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining("`headers") as string }));
    const { carrier, connection } = connect(ok, { headers: () => headers as never });
    const wrong = await invokeUnary(connection, head, REQUEST).catch((error: unknown) => error as Error);
    expect(wrong).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`headers()") as string });
    await expect(invokeUnary(connect(ok).connection, head, REQUEST, { headers: headers as never })).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`options.headers") as string });
    expect(carrier.calls).toHaveLength(0);
  });

  it("take binary headers, several to one name, and every Latin-1 value", async () => {
    const { carrier, connection } = connect(ok, { headers: new Headers([["a-bin", "AAE="], ["a-bin", "AAE"], ["b", "caf\u00e9 \t~"]]) });
    await invokeUnary(connection, head, REQUEST);
    expect([...carrier.calls[0]?.call.headers ?? []]).toEqual([["a-bin", "AAE=, AAE"], ["b", "caf\u00e9 \t~"]]);
  });
});

describe("invokeUnary() end", () => {
  it("comes after timeoutMs, and leaves open what became of a write that was sent", async () => {
    const { carrier, connection } = connect(() => {}, { timeoutMs: 5_000 });
    const [write, read, own] = [settled(invokeUnary(connection, append, REQUEST)), settled(invokeUnary(connection, head, REQUEST)), settled(invokeUnary(connection, append, REQUEST, { timeoutMs: 100 }))];
    await vi.advanceTimersByTimeAsync(100);
    expect(await own).toMatchObject({ code: "timeout", applied: "unknown", system: "umadb", message: "/umadb.v1.DCB/Append was not answered within 100 ms" });
    await vi.advanceTimersByTimeAsync(4_900);
    expect([await write, await read]).toMatchObject([{ code: "timeout", applied: "unknown" }, { code: "timeout", applied: "no" }]);
    expect(carrier.calls.every(({ call }) => call.signal?.aborted)).toBe(true);
  });

  it("comes after 30 s by default, and never with 0", async () => {
    const { connection } = connect(() => {});
    const ended = vi.fn();
    invokeUnary(connection, head, REQUEST).catch(ended);
    const endless = vi.fn();
    invokeUnary(connection, head, REQUEST, { timeoutMs: 0 }).catch(endless);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(endless).not.toHaveBeenCalled();
  });

  it("is exactly the caller's reason on an abort: before, during the call, during a pause, during the headers function", async () => {
    const reason = { mine: true };
    const { carrier, connection } = connect((call) => call.fail(gone()));
    await expect(invokeUnary(connection, head, REQUEST, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(carrier.calls).toHaveLength(0);
    const pausing = new AbortController();
    const paused = invokeUnary(connection, head, REQUEST, { signal: pausing.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10);
    pausing.abort(reason);
    expect(await paused).toBe(reason);
    for (const silent of [connect(() => {}), connect(ok, { headers: () => new Promise(() => {}) })]) {
      const controller = new AbortController();
      const pending = invokeUnary(silent.connection, append, REQUEST, { signal: controller.signal }).catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(10);
      controller.abort(reason);
      expect(await pending).toBe(reason);
    }
  });

  it("comes with close(), which closes the carrier only if the connection made it", async () => {
    const { carrier, connection } = connect(() => {});
    const pending = invokeUnary(connection, append, REQUEST).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(0);
    await connection.close();
    await connection.close();
    expect(await pending).toMatchObject({ code: "unavailable", message: "The client is closed", system: "umadb" });
    await expect(invokeUnary(connection, head, REQUEST)).rejects.toMatchObject({ code: "unavailable" });
    expect([carrier.calls.length, carrier.closed()]).toEqual([1, 0]);
  });

  const ways: [string, (call: ScriptedCall) => void, (controller: AbortController) => unknown][] = [
    ["an answer", ok, () => {}],
    ["a status", (call) => call.status(3), () => {}],
    ["an error", (call) => call.fail(gone()), () => vi.advanceTimersByTimeAsync(1_000)],
    ["an abort", () => {}, (controller) => controller.abort()],
    ["a time-out", () => {}, () => vi.advanceTimersByTimeAsync(30_000)],
  ];

  it.each(ways)("leaves no timer and no listener behind after %s", async (_, answer, act) => {
    const { connection } = connect(answer);
    const { controller, signal, listeners } = countedSignal();
    const outcome = invokeUnary(connection, head, REQUEST, { signal }).catch(() => {});
    await vi.advanceTimersByTimeAsync(0);
    await act(controller);
    await outcome;
    expect([vi.getTimerCount(), signal.aborted || listeners() === 0]).toEqual([0, true]);
  });
});

describe("invokeUnary() in numbers", () => {
  it("makes the platform suspect no leak, however many calls of a client are open with one signal of their caller", async () => {
    const warned = vi.fn();
    process.on("warning", warned);
    try {
      const { connection } = connect(() => {});
      const { signal } = new AbortController();
      const calls = Array.from({ length: 40 }, () => invokeUnary(connection, head, REQUEST, { signal }).catch(() => {}));
      await vi.advanceTimersByTimeAsync(0);
      await connection.close();
      await Promise.all(calls);
    } finally {
      process.off("warning", warned);
    }
    expect(warned).not.toHaveBeenCalled();
  });
});
