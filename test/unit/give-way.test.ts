import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchCarrier } from "millrace/carrier";
import { givingWay } from "millrace/internal/core/give-way";
import { concatBytes } from "millrace/internal/core/bytes";
import { encodeEnvelope, encodeTrailerFrame } from "millrace/internal/wire/frames";

afterEach(() => { vi.unstubAllGlobals(); vi.restoreAllMocks(); });

/** A clock that stands still until it is moved, and a scheduler that counts the turns it gives. */
function stubPage() {
  const page = { now: 1_000, turns: 0 };
  vi.spyOn(performance, "now").mockImplementation(() => page.now);
  vi.stubGlobal("scheduler", { yield: async () => {
    await new Promise((go) => void setImmediate(go));
    page.turns += 1;
    page.now += 100;
  } });
  return page;
}

describe("givingWay()", () => {
  it("gives the page a turn after 12 ms of work, and counts anew from its end", async () => {
    const page = stubPage();
    const giveWay = givingWay();
    page.now += 11;
    expect(giveWay()).toBeUndefined();
    page.now += 1;
    await giveWay();
    expect(page.turns).toBe(1);
    page.now += 11;
    expect(giveWay()).toBeUndefined();
    page.now += 1;
    expect(giveWay()).toBeInstanceOf(Promise);
  });

  it.each([["no scheduler", undefined], ["one that cannot yield", {}]])("goes on at once where there is %s", (_, scheduler) => {
    const page = stubPage();
    vi.stubGlobal("scheduler", scheduler);
    const giveWay = givingWay();
    page.now += 1_000;
    expect(giveWay()).toBeUndefined();
  });
});

describe("fetchCarrier()", () => {
  it("gives the page turns while it reads what has come already", async () => {
    const page = stubPage();
    const pieces = Array.from({ length: 40 }, () => encodeEnvelope(Uint8Array.of(1)));
    const ok = encodeTrailerFrame(new TextEncoder().encode("grpc-status: 0\r\n"));
    const body = new ReadableStream<Uint8Array>({ pull(at) { const piece = pieces.shift(); if (piece === undefined) { at.enqueue(ok); at.close(); } else at.enqueue(piece); } });
    const fetch = async (): Promise<Response> => new Response(body, { headers: { "content-type": "application/grpc-web+proto" } });
    const { chunks } = fetchCarrier({ url: "http://store.example", fetch }).call({
      path: "/test.Service/Method", kind: "server", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array(0)],
    });
    const came: Uint8Array[] = [];
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
      came.push(chunk.value);
      page.now += 3;
    }
    expect(concatBytes(came)).toHaveLength(40 * 6);
    expect(page.turns).toBe(10);
  });
});
