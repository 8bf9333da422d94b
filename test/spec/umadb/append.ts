import { isMillraceError } from "millrace";
import type { NewEvent } from "millrace/umadb";
import { describe, expect } from "vitest";
import { bytes, errorOf, event, positions, uniqueTag, type SpecContext } from "./backend.js";

export function appendSpec({ db, onFresh, it, everywhere }: SpecContext): void {
  describe("append()", () => {
    // 2
    if (onFresh !== undefined) {
      everywhere("returns the position of the last event, counting from 1", onFresh(async (fresh) => {
        expect(await fresh.append([event("A", [])])).toBe(1n);
        expect(await fresh.append([event("B", []), event("C", [])])).toBe(3n);
        expect(await fresh.head()).toBe(3n);
      }));
    }

    it("gives the events of one append positions without gaps", async () => {
      const tag = uniqueTag("gapless");
      const last = await db().append([event("A", [tag]), event("B", [tag]), event("C", [tag])]);
      const events = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(positions(events)).toEqual([last - 2n, last - 1n, last]);
      expect(events.map(({ event: { type } }) => type)).toEqual(["A", "B", "C"]);
    });

    // 3
    everywhere("keeps type, tags and their order, payload, uuid and metadata with its order", async () => {
      const tag = uniqueTag("round-trip");
      const sent: NewEvent = {
        type: "Größe geändert 🎈",
        tags: [tag, "z", "a", "", "m"],
        data: new Uint8Array([0, 255, 128, 10, 13]),
        uuid: "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d",
        metadata: [["zeta", "1"], ["alpha", "ü🎈"], ["empty", ""], ["", "no name"]],
      };
      const position = await db().append([sent]);
      const [received] = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(received?.toObject()).toEqual({
        position,
        event: { type: sent.type, tags: sent.tags, data: sent.data, uuid: sent.uuid, metadata: { zeta: "1", alpha: "ü🎈", empty: "", "": "no name" } },
      });
      expect(Object.keys(received?.event.metadata ?? {})).toEqual(["zeta", "alpha", "empty", ""]);
    });

    everywhere("takes metadata as an object, as pairs and as a map, with any key", async () => {
      const tag = uniqueTag("metadata");
      const shapes: NewEvent["metadata"][] = [{ a: "1" }, [["__proto__", "2"]], new Map([["constructor", "3"]])];
      await db().append(shapes.map((metadata) => ({ ...event("A", [tag]), metadata })));
      const events = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(events.map(({ event: { metadata } }) => Object.entries(metadata))).toEqual([[["a", "1"]], [["__proto__", "2"]], [["constructor", "3"]]]);
    });

    everywhere("makes a uuid for an event that has none", async () => {
      const tag = uniqueTag("uuid");
      await db().append([event("A", [tag]), event("A", [tag])]);
      const [a, b] = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(a?.event.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(b?.event.uuid).not.toBe(a?.event.uuid);
    });

    it("accepts an empty type, no tags, empty strings as tags and an empty payload", async () => {
      const last = await db().append([{ type: "", tags: ["", ""], data: new Uint8Array(0) }, { type: "", data: new Uint8Array(0) }]);
      const events = await db().read(undefined, { start: last - 1n, limit: 2 }).toArray();
      expect(events.map(({ event: { type, tags, data } }) => ({ type, tags, data }))).toEqual([
        { type: "", tags: ["", ""], data: new Uint8Array(0) },
        { type: "", tags: [], data: new Uint8Array(0) },
      ]);
    });

    everywhere("stores the bytes of a view, and only those", async () => {
      const tag = uniqueTag("view");
      await db().append([{ type: "A", tags: [tag], data: bytes("0123456789").subarray(2, 5) }]);
      const [received] = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(received?.toObject().event.data).toEqual(bytes("234"));
    });

    // 22
    it("stores the same uuid again when there is no condition", async () => {
      const tag = uniqueTag("twice");
      const one = { ...event("A", [tag]), uuid: crypto.randomUUID() };
      const first = await db().append([one]);
      const second = await db().append([one]);
      expect(second).toBeGreaterThan(first);
      expect(positions(await db().read({ items: [{ tags: [tag] }] }).toArray())).toEqual([first, second]);
    });

    // 24
    it.each([
      ["upper case", "7F000001-8D8A-4B5E-9D3C-2F1E0A9B8C7D"],
      ["no hyphens", "7f0000018d8a4b5e9d3c2f1e0a9b8c7d"],
      ["braces", "{7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d}"],
      ["urn", "urn:uuid:7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d"],
    ])("stores a uuid in lower case with hyphens (given as %s)", async (_, uuid) => {
      const tag = uniqueTag("uuid");
      await db().append([{ ...event("A", [tag]), uuid }]);
      const [received] = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(received?.event.uuid).toBe("7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d");
    });

    it("refuses what is no uuid before anything is sent", async () => {
      const error = await errorOf(db().append([{ ...event("A", []), uuid: "not-a-uuid" }]));
      expect(isMillraceError(error, "invalid_argument")).toBe(true);
      expect(error).toMatchObject({ message: expect.stringContaining("`events[0].uuid`"), applied: "no" });
    });

    // 25
    it("refuses an empty list before anything is sent", async () => {
      const error = await errorOf(db().append([], { condition: {} }));
      expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("`events`"), applied: "no" });
    });

    // 46
    everywhere("lets exactly one of many concurrent appends on one boundary through", async () => {
      const tag = uniqueTag("race");
      const query = { items: [{ tags: [tag] }] };
      const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, i) =>
        db().append([event("Won", [tag], String(i))], { condition: { failIfEventsMatch: query } })));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ name: "AppendConditionError", code: "conflict", applied: "no" });
      }
      expect(await db().read(query).toArray()).toHaveLength(1);
    });

    everywhere("rejects with the caller's reason when the signal is aborted before, and records nothing", async () => {
      const tag = uniqueTag("aborted");
      const reason = { why: "changed my mind" };
      expect(await errorOf(db().append([event("A", [tag])], { signal: AbortSignal.abort(reason) }))).toBe(reason);
      expect(await db().read({ items: [{ tags: [tag] }] }).toArray()).toEqual([]);
    });
  });
}
