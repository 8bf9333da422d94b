import { MessageDb } from "millrace/messagedb";
import { describe, expect, it } from "vitest";

const PAGE = 1_000;

/** A gateway with full pages of one stream; the bodies of those from `held` on come when `release` says so. */
function gateway(held: number, pages: number): { fetch: typeof globalThis.fetch; asked: number[]; release: () => void } {
  const asked: number[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => { release = resolve; });
  const fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const start = Number(new URL(String(input)).searchParams.get("start"));
    asked.push(start);
    const count = start / PAGE < pages ? PAGE : 0;
    const messages = Array.from({ length: count }, (_, n) => [`id-${start + n}`, "pages-1", "A", String(start + n), String(start + n + 1), null, null, "0"]);
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        if (start / PAGE >= held) await released;
        controller.enqueue(new TextEncoder().encode(JSON.stringify({ messages })));
        controller.close();
      },
    });
    return new Response(body, { headers: count === PAGE ? { "millrace-next": String(start + PAGE) } : {} });
  };
  return { fetch, asked, release: () => release() };
}

describe("a read of several pages", () => {
  it("asks for the next page when the gateway has said where it begins, while the one before still comes", async () => {
    const { fetch, asked, release } = gateway(1, 3);
    const db = new MessageDb({ url: "http://gateway", fetch });
    const batches = db.readStream("pages-1", { limit: Infinity }).batches();
    expect((await batches.next()).value).toHaveLength(PAGE);
    expect(asked).toEqual([0]);
    const second = batches.next();
    await expect.poll(() => asked).toEqual([0, PAGE, 2 * PAGE]);
    release();
    expect((await second).value?.map(({ position }) => position).at(0)).toBe(1_000n);
    expect((await batches.next()).value?.map(({ position }) => position).at(-1)).toBe(2_999n);
    expect((await batches.next()).done).toBe(true);
    expect(asked).toEqual([0, PAGE, 2 * PAGE, 3 * PAGE]);
    await db.close();
  });

  it("asks for no more than its limit, and for nothing ahead of who reads one page", async () => {
    const { fetch, asked } = gateway(9, 9);
    const db = new MessageDb({ url: "http://gateway", fetch });
    expect(await db.readStream("pages-1", { limit: 2 * PAGE }).toArray()).toHaveLength(2 * PAGE);
    expect(asked).toEqual([0, PAGE]);
    await db.close();
  });
});
