import { describe, expect, it } from "vitest";
import { startEmbedded } from "millrace-server/embedded";
import { UmaDb } from "millrace/umadb";

const event = (n: number) => ({ type: "counted", tags: [], data: Uint8Array.of(n) });

/** A store, and a way to it that answers as a network's login page does while `captive`. */
async function behindPortal() {
  const embedded = await startEmbedded();
  let captive = false;
  let asked = 0;
  let left = new AbortController();
  const db = new UmaDb({
    url: "http://embedded",
    retry: { baseMs: 1, maxMs: 1 },
    fetch: async (input, init) => {
      asked += 1;
      if (captive) return new Response("<h1>Log in</h1>", { headers: { "content-type": "text/html" } });
      const { body, headers } = await embedded.fetch(input, init);
      const pipe = new TransformStream<Uint8Array, Uint8Array>();
      body?.pipeTo(pipe.writable, { signal: left.signal }).catch(() => undefined);
      return new Response(pipe.readable, { headers });
    },
  });
  return {
    db,
    store: new UmaDb({ carrier: embedded.carrier }),
    asked: () => asked,
    move(into: boolean) {
      captive = into;
      left.abort(new TypeError("The network changed"));
      left = new AbortController();
    },
  };
}

describe("umadb.subscribe() and answers that are not gRPC", () => {
  it("goes on after them where it worked before", async () => {
    const { db, store, asked, move } = await behindPortal();
    await store.append([event(1)]);
    const subscription = db.subscribe();
    const events = subscription.values();
    expect((await events.next()).value?.position).toBe(1n);
    move(true);
    const next = events.next();
    const before = asked();
    const cause = await new Promise<unknown>((resolve) => {
      subscription.onStateChange((state) => {
        if (state.kind === "waiting" && asked() > before + 2) resolve(state.cause);
      });
    });
    expect(cause).toMatchObject({ code: "protocol" });
    await store.append([event(2)]);
    move(false);
    expect((await next).value?.position).toBe(2n);
    await db.close();
  });

  it("ends with them where it never worked, as at a wrong address", async () => {
    const { db, move, asked } = await behindPortal();
    move(true);
    await expect(db.subscribe().values().next()).rejects.toMatchObject({ code: "protocol" });
    expect(asked()).toBe(1);
    await db.close();
  });
});
