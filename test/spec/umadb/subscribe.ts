import { isMillraceError } from "millrace";
import type { Query, SubscriptionState } from "millrace/umadb";
import { describe, expect } from "vitest";
import { errorOf, event, plain, positions, take, uniqueTag, type SpecContext } from "./backend.js";

export function subscribeSpec({ db, open, onFresh, it, everywhere }: SpecContext): void {
  const of = (tag: string): Query => ({ items: [{ tags: [tag] }] });

  describe("subscribe()", () => {
    // 33
    if (onFresh !== undefined) {
      everywhere("gives all stored events and then new ones, without gaps", onFresh(async (fresh) => {
        await fresh.append([event("A", []), event("B", [])]);
        const subscription = fresh.subscribe();
        const iterator = subscription[Symbol.asyncIterator]();
        expect(positions(await take(iterator, 2))).toEqual([1n, 2n]);
        for (let next = 3n; next < 6n; next++) {
          await fresh.append([event("C", [])]);
          expect(positions(await take(iterator, 1))).toEqual([next]);
        }
        await subscription.close();
      }));

      everywhere("of an empty store waits for the first event", onFresh(async (fresh) => {
        const iterator = fresh.subscribe()[Symbol.asyncIterator]();
        const first = take(iterator, 1);
        await fresh.append([event("A", [])]);
        expect(positions(await first)).toEqual([1n]);
        await iterator.return?.();
      }));
    }

    // 34
    it("begins past `after`", async () => {
      const tag = uniqueTag("after");
      const last = await db().append([event("A", [tag]), event("B", [tag]), event("C", [tag])]);
      const iterator = db().subscribe(of(tag), { after: last - 2n })[Symbol.asyncIterator]();
      expect(positions(await take(iterator, 2))).toEqual([last - 1n, last]);
      const waiting = take(iterator, 1);
      const next = await db().append([event("D", [tag])]);
      expect(positions(await waiting)).toEqual([next]);
      await iterator.return?.();
    });

    everywhere("begins with what is appended after it was opened, with `after: \"end\"`", async () => {
      const tag = uniqueTag("end");
      const before = await db().append([event("Before", [tag])]);
      const subscription = db().subscribe(of(tag), { after: "end" });
      await subscription.opened;
      expect(subscription.state.kind).toBe("live");
      expect(subscription.position).toBeGreaterThanOrEqual(before);
      const next = await db().append([event("After", [tag])]);
      expect(positions(await take(subscription.values(), 1))).toEqual([next]);
      await subscription.close();
    });

    // 45
    everywhere("waits beyond the head, also past 2^53", async () => {
      const controller = new AbortController();
      const subscription = db().subscribe(undefined, { after: 2n ** 64n - 2n, signal: controller.signal });
      await subscription.opened;
      const waiting = take(subscription.values(), 1);
      await db().append([event("A", [])]);
      controller.abort("enough");
      expect(await errorOf(waiting)).toBe("enough");
    });

    // 36
    it("refuses 2^64 - 1, past which nothing can come", () => {
      expect(() => db().subscribe(undefined, { after: 2n ** 64n - 1n })).toThrow("`options.after` must be a bigint from 0 to 2^64 - 2");
    });

    // 35
    it("by a query gives matching events only, and waits through others", async () => {
      const tag = uniqueTag("filtered");
      const iterator = db().subscribe(of(tag))[Symbol.asyncIterator]();
      const waiting = take(iterator, 2);
      await db().append([event("Other", [])]);
      const a = await db().append([event("A", [tag])]);
      await db().append([event("Other", []), event("Other", [])]);
      const b = await db().append([event("B", [tag])]);
      expect(positions(await waiting)).toEqual([a, b]);
      await iterator.return?.();
    });

    everywhere("comes in batches, never empty and none larger than asked for", async () => {
      const tag = uniqueTag("batches");
      await db().append(Array.from({ length: 10 }, () => event("A", [tag])));
      const sizes: number[] = [];
      let total = 0;
      for await (const batch of db().subscribe(of(tag), { batchSize: 3 }).batches()) {
        sizes.push(batch.length);
        total += batch.length;
        if (total === 10) break;
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
      expect(Math.min(...sizes)).toBeGreaterThan(0);
    });

    it("hands out plain copies on request", async () => {
      const tag = uniqueTag("copies");
      await db().append([event("A", [tag])]);
      const iterator = db().subscribe(of(tag)).toObjects();
      const [copy] = await take(iterator, 1);
      expect([copy]).toEqual(plain(await db().read(of(tag)).toArray()));
      await iterator.return?.();
    });

    everywhere("says where it stands: connecting, catching up, live, closed", async () => {
      const tag = uniqueTag("state");
      await db().append([event("A", [tag]), event("B", [tag])]);
      const subscription = db().subscribe(of(tag));
      const states: SubscriptionState["kind"][] = [subscription.state.kind];
      const stop = subscription.onStateChange(({ kind }) => states.push(kind));
      const iterator = subscription.values();
      await take(iterator, 2);
      expect(states).toEqual(["connecting", "catching-up"]);
      const next = take(iterator, 1);
      await db().append([event("C", [tag])]);
      await next;
      expect(states).toEqual(["connecting", "catching-up", "live"]);
      await subscription.close();
      expect(states).toEqual(["connecting", "catching-up", "live", "closed"]);
      expect(subscription.state).toEqual({ kind: "closed" });
      stop();
    });

    it("moves its position when its consumer comes back for the next event", async () => {
      const tag = uniqueTag("position");
      const last = await db().append([event("A", [tag]), event("B", [tag])]);
      const subscription = db().subscribe(of(tag), { after: last - 2n });
      expect(subscription.position).toBe(last - 2n);
      const iterator = subscription.values();
      await take(iterator, 1);
      expect(subscription.position).toBe(last - 2n);
      await take(iterator, 1);
      expect(subscription.position).toBe(last - 1n);
      await subscription.close();
    });

    everywhere("stays open and keeps its place when a loop with `preventCancel` is left", async () => {
      const tag = uniqueTag("kept");
      const last = await db().append(Array.from({ length: 6 }, () => event("A", [tag])));
      const subscription = db().subscribe(of(tag));
      const threeMore = async (): Promise<bigint[]> => {
        const seen: bigint[] = [];
        for await (const { position } of subscription.values({ preventCancel: true })) {
          seen.push(position);
          if (seen.length === 3) break;
        }
        return seen;
      };
      expect(await threeMore()).toEqual([last - 5n, last - 4n, last - 3n]);
      expect(await threeMore()).toEqual([last - 2n, last - 1n, last]);
      await subscription.close();
    });

    everywhere("ends when its loop is left, and when it is closed while it waits", async () => {
      const tag = uniqueTag("left");
      await db().append([event("A", [tag])]);
      const left = db().subscribe(of(tag));
      for await (const { event: { type } } of left) {
        expect(type).toBe("A");
        break;
      }
      expect(left.state.kind).toBe("closed");

      const closed = db().subscribe(of(tag), { after: "end" });
      await closed.opened;
      const waiting = closed.values().next();
      await closed.close();
      await closed.close();
      expect(await waiting).toEqual({ done: true, value: undefined });
    });

    // 38
    everywhere("rejects with the caller's reason on abort, and disturbs no other", async () => {
      const tag = uniqueTag("abort");
      const controller = new AbortController();
      const reason = new Error("enough");
      const aborted = db().subscribe(of(tag), { signal: controller.signal });
      const other = db().subscribe(of(tag));
      await Promise.all([aborted.opened, other.opened]);
      const waiting = errorOf(take(aborted.values(), 1));
      const delivered = take(other.values(), 1);
      controller.abort(reason);
      expect(await waiting).toBe(reason);
      const position = await db().append([event("A", [tag])]);
      expect(positions(await delivered)).toEqual([position]);
      await other.close();
    });

    it("ends when its client is closed", async () => {
      const own = open();
      const subscription = own.subscribe(of(uniqueTag("closed")));
      await subscription.opened;
      const waiting = errorOf(take(subscription.values(), 1));
      await own.close();
      expect(isMillraceError(await waiting, "unavailable")).toBe(true);
      expect(await errorOf(own.head())).toMatchObject({ code: "unavailable", applied: "no" });
    });

    // 53
    everywhere("is not disturbed by 25 others that are opened and left at once", async () => {
      const tag = uniqueTag("burst");
      const steady = db().subscribe(of(tag));
      await steady.opened;
      const delivered = take(steady.values(), 1);
      await Promise.all(Array.from({ length: 25 }, async () => {
        const controller = new AbortController();
        const opened = errorOf(db().subscribe(of(tag), { signal: controller.signal }).opened);
        controller.abort("left");
        await opened;
      }));
      const position = await db().append([event("A", [tag])]);
      expect(positions(await delivered)).toEqual([position]);
      await steady.close();
    });
  });
}
