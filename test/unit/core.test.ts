import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fromJson, isMillraceError, json, MillraceError, text } from "millrace";
import { checkInteger, checkOptions, isAbortSignal, kindOf } from "millrace/internal/core/arguments";
import { backoffMs } from "millrace/internal/core/backoff";
import { fromBase64, toBase64 } from "millrace/internal/core/base64";
import { concatBytes, fromLatin1, isWellFormed, toLatin1 } from "millrace/internal/core/bytes";
import { asyncDispose } from "millrace/internal/core/dispose";
import { equalBytes } from "millrace/internal/core/equal-bytes";
import { withRetry } from "millrace/internal/core/retry";
import { abortable, Ending, linkSignals, onAbort, startTimer } from "millrace/internal/core/signal";
import { parseUuid, randomUuid } from "millrace/internal/core/uuid";

/** A signal that counts its listeners. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
  return { controller, signal, listeners: () => listeners };
}

describe("MillraceError", () => {
  it("carries what it was given, and `no` for whether anything was applied", () => {
    const cause = new Error("socket");
    const error = new MillraceError("unavailable", "gone", { system: "umadb", cause, reason: "drain", retryAfterMs: 5 });
    expect(error).toMatchObject({ name: "MillraceError", code: "unavailable", message: "gone", system: "umadb", applied: "no", cause, reason: "drain", retryAfterMs: 5 });
    expect(error).toBeInstanceOf(Error);
  });
});

describe("isMillraceError()", () => {
  it("recognises an error made by another copy of the library", () => {
    const other = Object.assign(new Error("x"), { code: "conflict" });
    Object.defineProperty(other, Symbol.for("millrace.error"), { value: true });
    expect(isMillraceError(other)).toBe(true);
    expect(isMillraceError(other, "conflict")).toBe(true);
    expect(isMillraceError(other, "timeout")).toBe(false);
  });

  it.each([null, undefined, "x", 1, new Error("x"), {}])("is false for anything else", (value) => {
    expect(isMillraceError(value)).toBe(false);
  });
});

describe("argument checks", () => {
  it("name the kind of a value and never the value", () => {
    const values = [null, undefined, [], Number.NaN, Infinity, 1.5, -1, 1, -1n, 1n, {}, new Date(), "", "secret", true, () => {}, Symbol("s")];
    expect(values.map(kindOf)).toEqual([
      "null", "undefined", "an array", "NaN", "Infinity", "a fractional number", "a negative number", "a number", "a negative bigint",
      "a bigint", "an object", "an object (Date)", "an empty string", "a string", "a boolean", "a function", "a symbol",
    ]);
  });

  it("take both ends of a range of integers and nothing outside", () => {
    expect([checkInteger("n", 1, 1, 3), checkInteger("n", 3, 1, 3)]).toEqual([1, 3]);
    for (const wrong of [0, 4, 1.5, Number.NaN, "2", 2n, undefined, null]) {
      expect(() => checkInteger("n", wrong, 1, 3, "umadb")).toThrow(expect.objectContaining({ code: "invalid_argument", system: "umadb", message: expect.stringContaining("`n` must be an integer from 1 to 3") as string }));
    }
  });

  it("refuse an option that nobody reads", () => {
    expect(() => checkOptions("options", { limti: 1 }, ["limit"], "options.")).toThrow("`options.limti` is no option, known are limit");
    for (const wrong of [null, undefined, 1, "x", []]) expect(() => checkOptions("options", wrong, [], "")).toThrow("`options` must be an object");
  });

  it("take every AbortSignal and nothing that merely looks a little like one", () => {
    expect([AbortSignal.abort(), new AbortController().signal].every(isAbortSignal)).toBe(true);
    expect([null, {}, { aborted: false }, new AbortController(), "x"].some(isAbortSignal)).toBe(false);
  });
});

describe("linkSignals()", () => {
  it("is aborted with the reason of the first parent that is", () => {
    const [a, b] = [countedSignal(), countedSignal()];
    const linked = linkSignals(a.signal, undefined, b.signal);
    b.controller.abort("first");
    a.controller.abort("second");
    expect(linked.signal.reason).toBe("first");
    expect([a.listeners(), b.listeners()]).toEqual([0, 0]);
  });

  it("is aborted from the start when a parent is, and listens to none", () => {
    const other = countedSignal();
    const linked = linkSignals(other.signal, AbortSignal.abort("early"));
    expect([linked.signal.aborted, linked.signal.reason, other.listeners()]).toEqual([true, "early", 0]);
  });

  it("keeps its first reason", () => {
    const parent = countedSignal();
    const linked = linkSignals(parent.signal);
    linked.abort("own");
    linked.abort("again");
    parent.controller.abort("late");
    expect([linked.signal.reason, parent.listeners()]).toEqual(["own", 0]);
  });

  it("follows nobody after release()", () => {
    const parent = countedSignal();
    const linked = linkSignals(parent.signal);
    expect(parent.listeners()).toBe(1);
    linked.release();
    linked.release();
    parent.controller.abort("late");
    expect([linked.signal.aborted, parent.listeners()]).toEqual([false, 0]);
  });
});

describe("Ending", () => {
  it("aborts every signal that is linked to it, with its first reason, and those linked later at once", () => {
    const ending = new Ending();
    const linked = Array.from({ length: 30 }, () => linkSignals(ending));
    linked[0]?.release();
    const first = new Error("first");
    ending.end(first);
    ending.end(new Error("second"));
    expect(linked.map(({ signal }) => signal.reason as unknown)).toEqual([undefined, ...Array.from({ length: 29 }, () => first)]);
    expect([linkSignals(ending).signal.reason, ending.reason]).toEqual([first, first]);
  });
});

describe("onAbort()", () => {
  it("calls at once when it is too late to listen", () => {
    const heard: unknown[] = [];
    onAbort(AbortSignal.abort("x"), (reason) => heard.push(reason))();
    expect(heard).toEqual(["x"]);
  });
});

describe("a signal that many wait for", () => {
  it("has one listener, tells all who still wait, and has none once the last has left", () => {
    const { controller, signal, listeners } = countedSignal();
    const heard: number[] = [];
    const undo = Array.from({ length: 30 }, (_, index) => onAbort(signal, () => heard.push(index)));
    expect(listeners()).toBe(1);
    for (const stop of undo) stop();
    for (const stop of undo) stop();
    expect(listeners()).toBe(0);
    onAbort(signal, () => heard.push(31))();
    onAbort(signal, () => heard.push(32));
    controller.abort();
    expect(heard).toEqual([32]);
  });
});

describe("abortable()", () => {
  it("rejects with the signal's reason while the work goes on, and lets its listener go", async () => {
    const { controller, signal, listeners } = countedSignal();
    const pending = abortable(new Promise(() => {}), signal);
    controller.abort("reason");
    await expect(pending).rejects.toBe("reason");
    expect(await abortable(Promise.resolve(1), new AbortController().signal)).toBe(1);
    const quiet = countedSignal();
    await expect(abortable(Promise.reject(new Error("own")), quiet.signal)).rejects.toThrow("own");
    expect([listeners() <= 1, quiet.listeners()]).toEqual([true, 0]);
  });
});

describe("startTimer()", () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it("fires after its time, unless stopped, and never for 0 or undefined", () => {
    const fired: string[] = [];
    startTimer(10, () => fired.push("a"));
    startTimer(10, () => fired.push("b"))();
    startTimer(0, () => fired.push("c"));
    startTimer(undefined, () => fired.push("d"));
    vi.advanceTimersByTime(9);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([fired, vi.getTimerCount()]).toEqual([["a"], 0]);
  });
});

describe("backoffMs()", () => {
  it("doubles the upper bound up to the largest, and takes all of the range below", () => {
    const policy = { baseMs: 100, maxMs: 5_000 };
    expect([1, 2, 3, 6, 7, 2_000].map((failures) => backoffMs(failures, policy, 1))).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
    expect(backoffMs(5, policy, 0)).toBe(0);
    expect(backoffMs(2, policy, 0.25)).toBe(50);
  });
});

describe("withRetry()", () => {
  const gone = (options = {}): MillraceError => new MillraceError("unavailable", "gone", options);
  const policy = { attempts: 3, baseMs: 100, maxMs: 1_000 };

  /** Fails with `errors` in turn, then gives the number of tries; `pauses` is what was waited. */
  async function run(errors: unknown[], rules: Partial<Parameters<typeof withRetry>[1]> = {}) {
    const pauses: number[] = [];
    let tries = 0;
    const clock = { now: () => 0, random: () => 0.5, pause: async (ms: number) => { pauses.push(ms); } };
    const outcome = await withRetry(async () => {
      const error = errors[tries++];
      if (error !== undefined) throw error;
      return tries;
    }, { policy, signal: new AbortController().signal, clock, ...rules }).catch((error: unknown) => error);
    return { outcome, tries, pauses };
  }

  it("tries again after pauses that grow, until it succeeds", async () => {
    expect(await run([gone(), gone()])).toEqual({ outcome: 3, tries: 3, pauses: [50, 100] });
  });

  it("ends with the last error after the last try", async () => {
    const last = gone();
    expect(await run([gone(), gone(), last, undefined])).toEqual({ outcome: last, tries: 3, pauses: [50, 100] });
  });

  it("waits as long as a refusal asks, whatever its code", async () => {
    const refused = new MillraceError("resource_exhausted", "slow down", { retryAfterMs: 700 });
    expect(await run([refused])).toEqual({ outcome: 2, tries: 2, pauses: [700] });
  });

  it.each(["invalid_argument", "conflict", "timeout", "internal", "protocol", "resource_exhausted"] as const)("does not repeat after %s", async (code) => {
    expect(await run([new MillraceError(code, "no")])).toMatchObject({ tries: 1, pauses: [] });
  });

  it("does not repeat after a foreign error, with `false`, or once its signal is aborted", async () => {
    expect(await run([new TypeError("x")])).toMatchObject({ tries: 1 });
    expect(await run([gone()], { policy: false })).toMatchObject({ tries: 1 });
    expect(await run([gone()], { signal: AbortSignal.abort() })).toMatchObject({ tries: 1, outcome: { code: "unavailable" } });
  });

  it("does not begin a pause that would outlast the time left", async () => {
    expect(await run([gone(), gone()], { leftMs: () => 60 })).toMatchObject({ tries: 2, pauses: [50], outcome: { code: "unavailable" } });
  });

  it("ends a pause with the signal's reason", async () => {
    const controller = new AbortController();
    const pending = withRetry(() => Promise.reject(gone()), { policy: { attempts: 2, baseMs: 1e6, maxMs: 1e6 }, signal: controller.signal });
    // Every microtask is done by then, so the pause has begun.
    setTimeout(() => controller.abort("enough"));
    await expect(pending).rejects.toBe("enough");
  });
});

describe("bytes", () => {
  it("are joined into a buffer of the exact size", () => {
    const joined = concatBytes([Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)]);
    expect([[...joined], joined.buffer.byteLength]).toEqual([[1, 2, 3], 3]);
  });

  it("are compared by content", () => {
    expect([equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2)), equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))]).toEqual([true, false, false]);
  });

  it("become characters of the same number and back, also many and those above 0x7f", () => {
    const all = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
    expect(fromLatin1(all).charCodeAt(0x9f)).toBe(0x9f);
    expect(equalBytes(toLatin1(fromLatin1(all)), all)).toBe(true);
    expect([...toLatin1("€")]).toEqual([0x3f]);
  });

  it("become base64 and back, with or without padding, in both alphabets", () => {
    const bytes = Uint8Array.of(0xfb, 0xff, 0xfe, 1);
    expect([toBase64(bytes), toBase64(bytes, false)]).toEqual(["+//+AQ==", "+//+AQ"]);
    for (const form of ["+//+AQ==", "+//+AQ", "-__-AQ"]) expect([...(fromBase64(form) ?? [])]).toEqual([...bytes]);
    expect(fromBase64("")).toHaveLength(0);
    for (const wrong of ["a", "a b", "=", "AAAA=AAA", "ü", "AAAAA"]) expect(fromBase64(wrong)).toBeUndefined();
  });

  it("can hold a string unless it has half a surrogate pair", () => {
    expect(["", "a", "😀", "\ud83d\ude00"].every(isWellFormed)).toBe(true);
    expect(["\ud83d", "a\ude00", "\ude00\ud83d"].some(isWellFormed)).toBe(false);
  });
});

describe("uuid", () => {
  const canonical = "67e55044-10b1-426f-9247-bb680e5fe0c8";

  it.each([
    canonical, canonical.toUpperCase(), canonical.replaceAll("-", ""), `{${canonical}}`, `urn:uuid:${canonical}`, `urn:uuid:${canonical.toUpperCase()}`,
  ])("%s is understood", (form) => {
    expect(parseUuid(form)).toBe(canonical);
  });

  it.each([
    "", "x", canonical.slice(1), `${canonical}0`, `{${canonical}`, `{${canonical.replaceAll("-", "")}}`, `URN:UUID:${canonical}`, `urn:uuid:${canonical.replaceAll("-", "")}`,
    canonical.replace("6", "g"), ` ${canonical}`, `${canonical}\n`, "67e5504410b1-426f-9247-bb680e5fe0c8",
  ])("%j is refused", (form) => {
    expect(parseUuid(form)).toBeUndefined();
  });

  it("is new each time and of version 4, also where only getRandomValues exists", () => {
    const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    const many = Array.from({ length: 50 }, () => randomUuid());
    const randomUUID = Object.getOwnPropertyDescriptor(crypto, "randomUUID");
    Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
    try {
      many.push(...Array.from({ length: 50 }, () => randomUuid()));
    } finally {
      if (randomUUID === undefined) Reflect.deleteProperty(crypto, "randomUUID");
      else Object.defineProperty(crypto, "randomUUID", randomUUID);
    }
    expect(many.every((id) => version4.test(id))).toBe(true);
    expect(new Set(many).size).toBe(100);
  });
});

describe("json(), fromJson(), text()", () => {
  it("turn a value into UTF-8 and back", () => {
    const value = { name: "Zoë", list: [1, null, "😀"] };
    expect(fromJson(json(value))).toEqual(value);
    expect(text(json(value))).toBe('{"name":"Zoë","list":[1,null,"😀"]}');
  });

  it("refuse what JSON cannot hold", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    for (const wrong of [undefined, () => {}, Symbol("x"), 1n, cycle]) expect(() => json(wrong)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("do not show a payload that is no JSON", () => {
    let caught: unknown;
    try {
      fromJson(new TextEncoder().encode("secret-payload"));
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: "invalid_argument", message: "`bytes` must hold JSON in UTF-8, but its 14 bytes do not" });
    expect((caught as Error).cause).toBeUndefined();
  });

  it("refuse bytes that are none, and replace what is no UTF-8 in text", () => {
    for (const read of [fromJson, text]) expect(() => read("x" as unknown as Uint8Array)).toThrow("`bytes` must be a Uint8Array, got a string");
    expect(() => fromJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(text(Uint8Array.of(0x61, 0xff))).toBe("a\ufffd");
  });
});

describe("asyncDispose", () => {
  it("is the platform's symbol where there is one", () => {
    expect(asyncDispose).toBe(Symbol.asyncDispose);
  });
});
