import { afterEach, describe, expect, it, vi } from "vitest";
import { platformClock } from "millrace/internal/core/wake";

/** An event target that counts its listeners, put in the place of a page's. */
function page() {
  const counts = new Map<string, number>();
  const target = new EventTarget();
  const add = (type: string, by: number): void => { counts.set(type, (counts.get(type) ?? 0) + by); };
  return {
    counts,
    emit: (type: string) => target.dispatchEvent(new Event(type)),
    addEventListener: (type: string, listener: () => void) => { add(type, 1); target.addEventListener(type, listener); },
    removeEventListener: (type: string, listener: () => void) => { add(type, -1); target.removeEventListener(type, listener); },
  };
}

afterEach(() => { vi.unstubAllGlobals(); vi.useRealTimers(); });

function stubPage() {
  const scope = page();
  const document = { ...page(), visibilityState: "visible" };
  vi.stubGlobal("addEventListener", scope.addEventListener);
  vi.stubGlobal("removeEventListener", scope.removeEventListener);
  vi.stubGlobal("document", document);
  return { scope, document };
}

const noListener = (counts: Map<string, number>): boolean => [...counts.values()].every((n) => n === 0);

describe("platformClock.pause()", () => {
  it("ends after its time", async () => {
    vi.useFakeTimers();
    let over = false;
    const pause = platformClock.pause(30_000, new AbortController().signal).then(() => { over = true; });
    await vi.advanceTimersByTimeAsync(29_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await pause;
  });

  it.each(["online", "pageshow"])("ends at once on `%s`, and leaves no listener and no timer", async (type) => {
    vi.useFakeTimers();
    const { scope, document } = stubPage();
    const pause = platformClock.pause(30_000, new AbortController().signal);
    scope.emit(type);
    await pause;
    expect([noListener(scope.counts), noListener(document.counts), vi.getTimerCount()]).toEqual([true, true, 0]);
    expect([...scope.counts.keys()]).toEqual(["online", "pageshow"]);
  });

  it("ends when the page becomes visible, not when it is hidden", async () => {
    vi.useFakeTimers();
    const { document } = stubPage();
    let over = false;
    const pause = platformClock.pause(30_000, new AbortController().signal).then(() => { over = true; });
    document.visibilityState = "hidden";
    document.emit("visibilitychange");
    await vi.advanceTimersByTimeAsync(0);
    expect(over).toBe(false);
    document.visibilityState = "visible";
    document.emit("visibilitychange");
    await pause;
  });

  it("rejects with the signal's reason, before or during", async () => {
    vi.useFakeTimers();
    const controller = new AbortController();
    const pause = platformClock.pause(30_000, controller.signal);
    const reason = new Error("left");
    controller.abort(reason);
    await expect(pause).rejects.toBe(reason);
    await expect(platformClock.pause(1, controller.signal)).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });
});
