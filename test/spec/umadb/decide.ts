import { decide, type NewEvent } from "millrace/umadb";
import { describe, expect } from "vitest";
import { errorOf, event, uniqueTag, type SpecContext } from "./backend.js";

export function decideSpec({ db, it, everywhere }: SpecContext): void {
  describe("decide()", () => {
    everywhere("appends what is decided on the events read", async () => {
      const tag = uniqueTag("seat");
      const query = { items: [{ tags: [tag] }] };
      const reserve = (): Promise<{ position: bigint | undefined; events: readonly NewEvent[] }> =>
        decide(db(), query, (events, { attempt }) => {
          expect(attempt).toBe(1);
          return events.length === 0 ? [event("Reserved", [tag])] : [];
        });
      const { position, events } = await reserve();
      expect(events.map(({ type }) => type)).toEqual(["Reserved"]);
      expect((await db().read(query).toArray())[0]?.position).toBe(position);
      expect(await reserve()).toEqual({ position: undefined, events: [] });
    });

    everywhere("decides anew when something came in between, and then sees it", async () => {
      const tag = uniqueTag("counter");
      const query = { items: [{ tags: [tag] }] };
      const seen: number[] = [];
      await decide(db(), query, async (events, { attempt }) => {
        seen.push(events.length);
        if (attempt === 1) await db().append([event("Interfered", [tag])]);
        return [event("Decided", [tag])];
      });
      expect(seen).toEqual([0, 1]);
      expect((await db().read(query).toArray()).map(({ event: { type } }) => type)).toEqual(["Interfered", "Decided"]);
    });

    it("gives up with the conflict after its retries", async () => {
      const tag = uniqueTag("busy");
      let attempts = 0;
      const error = await errorOf(decide(db(), { items: [{ tags: [tag] }] }, async () => {
        attempts++;
        await db().append([event("Interfered", [tag])]);
        return [event("Decided", [tag])];
      }, { retries: 2 }));
      expect(error).toMatchObject({ name: "AppendConditionError" });
      expect(attempts).toBe(3);
    });

    it("lets the decision's own error through, and tracking conflicts", async () => {
      const tag = uniqueTag("own");
      const query = { items: [{ tags: [tag] }] };
      const own = new Error("not allowed");
      expect(await errorOf(decide(db(), query, () => { throw own; }))).toBe(own);
      const trackingInfo = { source: tag, position: 1n };
      await decide(db(), query, () => [event("A", [tag])], { trackingInfo });
      let attempts = 0;
      expect(await errorOf(decide(db(), query, () => {
        attempts++;
        return [event("A", [tag])];
      }, { trackingInfo }))).toMatchObject({ name: "TrackingConflictError" });
      expect(attempts).toBe(1);
    });
  });
}
