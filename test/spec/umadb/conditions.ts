import { AppendConditionError, type AppendCondition, type NewEvent, type Query } from "millrace/umadb";
import { describe, expect } from "vitest";
import { errorOf, event, plain, uniqueTag, type SpecContext } from "./backend.js";

export function conditionSpec({ db, onFresh, it, everywhere }: SpecContext): void {
  const append = (events: NewEvent[], condition: AppendCondition): Promise<bigint> => db().append(events, { condition });
  const of = (tag: string): Query => ({ items: [{ tags: [tag] }] });
  const withUuid = (one: NewEvent): NewEvent => ({ ...one, uuid: crypto.randomUUID() });

  describe("append() with a condition", () => {
    // 15
    if (onFresh !== undefined) {
      everywhere("without a query fails on any event, and passes in an empty store", onFresh(async (fresh) => {
        expect(await fresh.append([event("A", [])], { condition: {} })).toBe(1n);
        expect(await errorOf(fresh.append([event("B", [])], { condition: {} }))).toBeInstanceOf(AppendConditionError);
        expect(await fresh.append([event("B", [])], { condition: { after: 1n } })).toBe(2n);
      }));
    }

    // 16, 17
    const cases: [string, (tag: string) => Query, boolean][] = [
      ["everything, by no items", () => ({ items: [] }), true],
      ["everything, by an empty item", () => ({ items: [{}] }), true],
      ["a type", (tag) => ({ items: [{ types: [`T-${tag}`] }] }), true],
      ["a tag", of, true],
      ["a type and a tag", (tag) => ({ items: [{ types: ["Other", `T-${tag}`], tags: [tag] }] }), true],
      ["two tags", (tag) => ({ items: [{ tags: [tag, `${tag}-b`] }] }), true],
      ["one of two items", (tag) => ({ items: [{ types: ["Other"], tags: [tag] }, { tags: [`${tag}-b`] }] }), true],
      ["another type", (tag) => ({ items: [{ types: ["Other"], tags: [tag] }] }), false],
      ["a tag that no event has", (tag) => ({ items: [{ tags: [`${tag}-c`] }] }), false],
      ["two tags that no event has both", (tag) => ({ items: [{ tags: [tag, `${tag}-c`] }] }), false],
    ];
    it.each(cases)("looks for %s", async (_, query, found) => {
      const tag = uniqueTag("condition");
      const position = await db().append([event(`T-${tag}`, [tag, `${tag}-b`])]);
      const attempt = append([event("Next", [])], { failIfEventsMatch: query(tag) });
      if (found) {
        expect(await errorOf(attempt)).toMatchObject({ name: "AppendConditionError", code: "conflict", applied: "no" });
      } else {
        expect(await attempt).toBeGreaterThan(position);
      }
    });

    it.each(cases.slice(2))("looks for %s past `after` only", async (_, query) => {
      const tag = uniqueTag("after");
      const matching = event(`T-${tag}`, [tag, `${tag}-b`]);
      const position = await db().append([matching]);
      const head = await append([event("Next", [])], { failIfEventsMatch: query(tag), after: position });
      expect(head).toBeGreaterThan(position);
      const second = await db().append([matching]);
      const attempt = append([event("Next", [])], { failIfEventsMatch: query(tag), after: second - 1n });
      if (cases.find(([, one]) => one === query)?.[2] === true) expect(await errorOf(attempt)).toBeInstanceOf(AppendConditionError);
      else expect(await attempt).toBeGreaterThan(second);
    });

    it("compares types and tags exactly", async () => {
      const tag = uniqueTag("Exact");
      await db().append([event("Type", [tag])]);
      for (const item of [{ tags: [tag.toLowerCase()] }, { tags: [tag.slice(0, -1)] }, { types: ["type"], tags: [tag] }]) {
        expect(await append([event("Next", [])], { failIfEventsMatch: { items: [item] } })).toBeGreaterThan(0n);
      }
    });

    // 45
    it("finds nothing past 2^64 - 2", async () => {
      expect(await append([event("Next", [])], { after: 2n ** 64n - 2n })).toBeGreaterThan(0n);
    });

    it("refuses 2^64 - 1, which the server would take for the beginning", async () => {
      expect(await errorOf(append([event("Next", [])], { after: 2n ** 64n - 1n }))).toMatchObject({
        code: "invalid_argument", message: expect.stringContaining("`condition.after` must be a bigint from 0 to 2^64 - 2"),
      });
    });

    // 18
    if (onFresh !== undefined) {
      it("that fails leaves head, events and tracking as they were, and skips no position", onFresh(async (fresh) => {
        await fresh.append([event("A", ["t"])], { trackingInfo: { source: "s", position: 1n } });
        const before = plain(await fresh.read().toArray());
        await errorOf(fresh.append([event("B", ["t"])], { condition: { failIfEventsMatch: of("t") }, trackingInfo: { source: "s", position: 2n } }));
        expect(await fresh.head()).toBe(1n);
        expect(plain(await fresh.read().toArray())).toEqual(before);
        expect(await fresh.trackingInfo("s")).toBe(1n);
        expect(await fresh.append([event("C", [])])).toBe(2n);
      }));
    }

    // 44
    everywhere("tells a conflict with a stored event of 64 KiB without showing it", async () => {
      const tag = uniqueTag("large");
      await db().append([{ type: "Large", tags: [tag], data: new Uint8Array(65_536).fill(97) }]);
      const error = await errorOf(append([event("Next", [tag])], { failIfEventsMatch: of(tag) }));
      expect(error).toMatchObject({ name: "AppendConditionError", code: "conflict", applied: "no" });
      expect((error as Error).message.length).toBeLessThan(2_000);
      expect((error as Error).message).not.toContain("97, 97");
    }, 20_000);
  });

  describe("append() repeated with the same uuids and condition", () => {
    // 19
    everywhere("answers the first position and stores nothing, for one event", async () => {
      const tag = uniqueTag("repeat");
      const one = withUuid(event("A", [tag]));
      const first = await append([one], { failIfEventsMatch: of(tag) });
      expect(await append([one], { failIfEventsMatch: of(tag) })).toBe(first);
      expect(await db().read(of(tag)).toArray()).toHaveLength(1);
    });

    it("is a conflict with another uuid", async () => {
      const tag = uniqueTag("repeat");
      await append([event("A", [tag])], { failIfEventsMatch: of(tag) });
      expect(await errorOf(append([event("A", [tag])], { failIfEventsMatch: of(tag) }))).toBeInstanceOf(AppendConditionError);
    });

    // 20
    it("answers the last position for several events, and that of a prefix's last for a prefix", async () => {
      const tag = uniqueTag("repeat");
      const [a, b, c] = ["A", "B", "C"].map((type) => withUuid(event(type, [tag]))) as [NewEvent, NewEvent, NewEvent];
      const last = await append([a, b, c], { failIfEventsMatch: of(tag) });
      expect(await append([a, b, c], { failIfEventsMatch: of(tag) })).toBe(last);
      expect(await append([a, b], { failIfEventsMatch: of(tag) })).toBe(last - 1n);
      expect(await append([b, c], { failIfEventsMatch: of(tag), after: last - 2n })).toBe(last);
    });

    it("is a conflict when the events are in another order, one more, or a suffix", async () => {
      const tag = uniqueTag("repeat");
      const [a, b, c] = ["A", "B", "C"].map((type) => withUuid(event(type, [tag]))) as [NewEvent, NewEvent, NewEvent];
      await append([a, b], { failIfEventsMatch: of(tag) });
      for (const events of [[b, a], [a, b, c], [b], [a, withUuid(b)]]) {
        expect(await errorOf(append(events, { failIfEventsMatch: of(tag) }))).toBeInstanceOf(AppendConditionError);
      }
      expect(await db().read(of(tag)).toArray()).toHaveLength(2);
    });

    // 21
    everywhere("is recognised when another event matches after it, not when one matches before", async () => {
      const tag = uniqueTag("repeat");
      const before = await db().append([event("Before", [tag])]);
      const one = withUuid(event("A", [tag]));
      const position = await append([one], { failIfEventsMatch: of(tag), after: before });
      await db().append([event("After", [tag])]);
      expect(await append([one], { failIfEventsMatch: of(tag), after: before })).toBe(position);
      expect(await errorOf(append([one], { failIfEventsMatch: of(tag) }))).toBeInstanceOf(AppendConditionError);
    });

    // 23
    it("takes the same tracking information again", async () => {
      const tag = uniqueTag("repeat");
      const one = withUuid(event("A", [tag]));
      const options = { condition: { failIfEventsMatch: of(tag) }, trackingInfo: { source: tag, position: 7n } };
      const position = await db().append([one], options);
      expect(await db().append([one], options)).toBe(position);
      expect(await db().trackingInfo(tag)).toBe(7n);
    });
  });
}
