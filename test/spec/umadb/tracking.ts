import { TrackingConflictError } from "millrace/umadb";
import { describe, expect } from "vitest";
import { errorOf, event, plain, uniqueTag, type SpecContext } from "./backend.js";

export function trackingSpec({ db, it, everywhere }: SpecContext): void {
  const track = (source: string, position: bigint): Promise<bigint> => db().append([event("Tracked", [source])], { trackingInfo: { source, position } });

  describe("append() with tracking information", () => {
    // 26
    it("records positions that only grow, for each source", async () => {
      const source = uniqueTag("source");
      const other = uniqueTag("source");
      expect(await db().trackingInfo(source)).toBeUndefined();
      await track(source, 5n);
      expect(await db().trackingInfo(source)).toBe(5n);
      for (const position of [5n, 4n, 0n]) expect(await errorOf(track(source, position))).toBeInstanceOf(TrackingConflictError);
      await track(source, 6n);
      expect(await db().trackingInfo(source)).toBe(6n);
      expect(await db().trackingInfo(other)).toBeUndefined();
      await track(other, 1n);
      expect(await errorOf(track(source, 4n))).toMatchObject({ name: "TrackingConflictError", code: "conflict", applied: "no", recorded: 6n });
    });

    it("stores no event of an append whose tracking position was seen before", async () => {
      const source = uniqueTag("source");
      await track(source, 1n);
      await errorOf(track(source, 1n));
      expect(await db().read({ items: [{ tags: [source] }] }).toArray()).toHaveLength(1);
    });

    everywhere("takes 0 as the first position, and 2^64 - 1 as the last", async () => {
      const source = uniqueTag("source");
      await track(source, 0n);
      expect(await db().trackingInfo(source)).toBe(0n);
      // 45
      await track(source, 2n ** 53n + 1n);
      expect(await db().trackingInfo(source)).toBe(2n ** 53n + 1n);
      await track(source, 2n ** 64n - 1n);
      expect(await db().trackingInfo(source)).toBe(2n ** 64n - 1n);
    });

    // 27
    everywhere("does not disturb appends that are made at the same time as one that fails", async () => {
      const source = uniqueTag("source");
      await track(source, 10n);
      const outcomes = await Promise.allSettled([track(source, 11n), track(source, 3n), db().append([event("Free", [source])])]);
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    });

    // 28
    everywhere("comes back with each event of its append, and with no other", async () => {
      const source = uniqueTag("source");
      await db().append([event("A", [source]), event("B", [source])], { trackingInfo: { source, position: 9n } });
      await db().append([event("C", [source])]);
      const events = plain(await db().read({ items: [{ tags: [source] }] }).toArray());
      expect(events.map(({ trackingInfo }) => trackingInfo)).toEqual([{ source, position: 9n }, { source, position: 9n }, undefined]);
    });

    it("knows nothing of a source that is not there", async () => {
      expect(await db().trackingInfo(uniqueTag("nobody"))).toBeUndefined();
    });

    // 31
    it("refuses a source of more than 255 bytes of UTF-8", async () => {
      const longest = uniqueTag("ü").padEnd(254, "x");
      await track(longest, 1n);
      expect(await db().trackingInfo(longest)).toBe(1n);
      for (const source of ["x".repeat(256), "ü".repeat(128)]) {
        expect(await errorOf(track(source, 1n))).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`trackingInfo.source`") });
      }
    });
  });
}
