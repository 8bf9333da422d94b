import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import type { Carrier, CarrierCall } from "millrace/carrier";
import { connectCarrier } from "millrace/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EchoService } from "../support/proto/echo_pb.js";
import { errorOf } from "./streams.js";

/** A call as a transport that never answers was told of it. */
interface Told {
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
}

function silentTransport(): { transport: Transport; told: Told[] } {
  const told: Told[] = [];
  const never = <T>(signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<T> => {
    told.push({ signal: signal as AbortSignal, timeoutMs });
    return new Promise(() => {});
  };
  return {
    told,
    transport: {
      unary: (_method, signal, timeoutMs) => never<UnaryResponse<never, never>>(signal, timeoutMs),
      stream: (_method, signal, timeoutMs) => never<StreamResponse<never, never>>(signal, timeoutMs),
    },
  };
}

const path = (name: string): string => `/${EchoService.typeName}/${name}`;
const unary: CarrierCall = { path: path("Echo"), kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array()] };
const count: CarrierCall = { ...unary, path: path("Count"), kind: "server" };

describe("a call of connectCarrier()", () => {
  let carrier: Carrier;
  let told: Told[];
  beforeEach(() => {
    vi.useFakeTimers();
    const silent = silentTransport();
    ({ told } = silent);
    carrier = connectCarrier(silent.transport, [EchoService]);
  });
  afterEach(() => vi.useRealTimers());

  const start = async (call: CarrierCall): Promise<{ failed: Promise<unknown>; told: Told }> => {
    const failed = errorOf(carrier.call(call).chunks.next());
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toHaveLength(1);
    return { failed, told: told[0] as Told };
  };

  it("tells the transport of its limit, and of 0 where it has none, so that the transport's default does not count", async () => {
    expect((await start({ ...unary, timeoutMs: 700 })).told.timeoutMs).toBe(700);
    told.length = 0;
    expect((await start(unary)).told.timeoutMs).toBe(0);
    told.length = 0;
    expect((await start({ ...unary, timeoutMs: 700, cancel: "never" })).told.timeoutMs).toBe(0);
  });

  it("ends at its limit also where the transport does not", async () => {
    const call = await start({ ...unary, timeoutMs: 700 });
    await vi.advanceTimersByTimeAsync(699);
    expect(call.told.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await call.failed).toMatchObject({ code: "timeout", applied: "unknown", message: `${path("Echo")} was not answered within 700 ms` });
    expect(call.told.signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says that nothing was applied when its limit came before its messages", async () => {
    const failed = errorOf(carrier.call({ ...unary, messages: { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }, timeoutMs: 700 }).chunks.next());
    await vi.advanceTimersByTimeAsync(700);
    expect(await failed).toMatchObject({ code: "timeout", applied: "no" });
    expect(told).toEqual([]);
  });

  it("gives up a stream whose answer does not begin: after 10 s, or as it says", async () => {
    const call = await start(count);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(call.told.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await call.failed).toMatchObject({ code: "unavailable" });
    expect(call.told.signal.aborted).toBe(true);
    told.length = 0;
    const sooner = await start({ ...count, connectTimeoutMs: 50 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await sooner.failed).toMatchObject({ code: "unavailable" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for the answer to client streaming, which begins with its only message", async () => {
    const call = await start({ ...unary, path: path("Collect"), kind: "client", duplex: "half" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(call.told.signal.aborted).toBe(false);
  });

  it("goes on for 30 s after it was left where it must not be cancelled", async () => {
    const own = new AbortController();
    const call = await start({ ...unary, cancel: "never", signal: own.signal });
    own.abort(new Error("left"));
    expect(await call.failed).toBe(own.signal.reason);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(call.told.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(call.told.signal.aborted).toBe(true);
  });

  it("is refused when it says another kind than its method has, or sends what is no such message", async () => {
    expect(await errorOf(carrier.call({ ...unary, kind: "server" }).chunks.next())).toMatchObject({ code: "invalid_argument", message: expect.stringContaining('must be "unary"') });
    expect(await errorOf(carrier.call({ ...unary, messages: [new Uint8Array([0x0a])] }).chunks.next())).toMatchObject({
      code: "invalid_argument", applied: "no", message: "`messages[0]` must be an encoded millrace.test.v1.EchoRequest",
    });
    expect(told).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
