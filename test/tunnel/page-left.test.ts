import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tunnelCarrier, type Carrier } from "millrace/carrier";
import { resuming, type OpenedFeed } from "millrace/internal/core/subscription";
import { platformClock } from "millrace/internal/core/wake";
import { callOf } from "./support.js";

/** A WebSocket that is welcomed at once, and says what becomes of it. */
class FakeWebSocket extends EventTarget {
  static readonly all: FakeWebSocket[] = [];
  binaryType = "";
  readonly protocol = "millrace.v1";
  isClosed = false;

  constructor() {
    super();
    FakeWebSocket.all.push(this);
    queueMicrotask(() => this.dispatchEvent(new Event("open")));
  }

  send(): void {
    const welcome = Object.assign(new Event("message"), { data: new Uint8Array(4).buffer });
    queueMicrotask(() => this.dispatchEvent(welcome));
  }

  close(): void {
    this.isClosed = true;
  }
}

describe("a tunnel in a page that is left", () => {
  const page = new EventTarget();
  let carrier: Carrier;

  beforeEach(() => {
    vi.useFakeTimers();
    FakeWebSocket.all.length = 0;
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    carrier = tunnelCarrier({ url: "http://gateway", webSocket: FakeWebSocket as never });
  });
  afterEach(async () => {
    await carrier.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const call = () => carrier.call(callOf("/t.T/Live", { kind: "server", lane: "live" }));

  it("is closed, and none is opened before the page is shown again", async () => {
    const before = call();
    await vi.waitFor(() => expect(FakeWebSocket.all).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(1);
    page.dispatchEvent(new Event("pagehide"));
    expect(FakeWebSocket.all[0]?.isClosed).toBe(true);
    await expect(before.chunks.next()).rejects.toMatchObject({ code: "unavailable", applied: "unknown", retryAfterMs: 20_000 });
    await expect(call().headers).rejects.toMatchObject({ code: "unavailable", applied: "no", retryAfterMs: 20_000 });
    expect(FakeWebSocket.all).toHaveLength(1);
    page.dispatchEvent(new Event("pageshow"));
    call().headers.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeWebSocket.all).toHaveLength(2);
  });

  it("is not opened by a subscription that resumes, which goes on as soon as the page is shown", async () => {
    const open = async (_after: unknown, signal: AbortSignal): Promise<OpenedFeed<number, number>> => {
      const { chunks } = carrier.call(callOf("/t.T/Live", { kind: "server", lane: "live", signal }));
      return { after: 0, caughtUpAt: () => true, next: async () => { await chunks.next(); return undefined; }, close: () => void chunks.return?.() };
    };
    const subscription = resuming<number, number>(
      { open, positionOf: (item) => item, isFinal: () => false },
      { after: 0, policy: { attempts: undefined, baseMs: 250, maxMs: 30_000, steadyMs: 10_000 }, clock: platformClock },
    );
    const next = subscription[Symbol.asyncIterator]().next();
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeWebSocket.all).toHaveLength(1);
    page.dispatchEvent(new Event("pagehide"));
    await vi.advanceTimersByTimeAsync(15_000);
    expect([subscription.state.kind, FakeWebSocket.all.length]).toEqual(["waiting", 1]);
    page.dispatchEvent(new Event("pageshow"));
    await vi.advanceTimersByTimeAsync(1);
    expect([subscription.state.kind, FakeWebSocket.all.length]).toEqual(["live", 2]);
    await subscription.close();
    await next;
  });

  it("leaves no listener when its carrier is closed", async () => {
    const remove = vi.spyOn(page, "removeEventListener");
    const add = vi.spyOn(page, "addEventListener");
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    call().headers.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1);
    await carrier.close();
    expect(add.mock.calls.map(([type]) => type)).toEqual(["pagehide", "pageshow"]);
    expect(remove.mock.calls).toEqual(add.mock.calls);
    expect(vi.getTimerCount()).toBe(0);
  });
});
