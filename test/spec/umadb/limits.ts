import { describe, expect } from "vitest";
import { errorOf, event, uniqueTag, type SpecContext } from "./backend.js";

const MIB = 1_048_576;

export function limitSpec({ db, onFresh, it, everywhere }: SpecContext): void {
  const refused = async (promise: Promise<unknown>, text: string): Promise<void> =>
    expect(await errorOf(promise)).toMatchObject({ code: "invalid_argument", applied: "no", message: expect.stringContaining(text) });

  describe("limits", () => {
    // 29
    if (onFresh !== undefined) {
      it("refuses a tag longer than a page, and stores nothing", onFresh(async (fresh) => {
        await refused(fresh.append([event("A", ["x".repeat(5_000)])]), "`events[0]`");
        expect(await fresh.head()).toBeUndefined();
      }));
    }

    it.each([
      ["type and one tag", (room: number) => event("T".repeat(16), ["x".repeat(room - 31 - 16 - 16 - 2)], "")],
      ["type alone", (room: number) => event("T".repeat(room - 31 - 16), [], "data to overflow".repeat(8))],
      ["two-byte characters", (room: number) => event("é".repeat((room - 31 - 16 - 2) / 2), [""], "")],
    ])("accepts an event that just fits a page, and refuses one byte more (%s)", async (_, make) => {
      const room = 4_087;
      const fitting = { ...make(room), data: new Uint8Array(64) };
      expect(await db().append([fitting])).toBeGreaterThan(0n);
      const more = { ...fitting, tags: [...(fitting.tags ?? [])], type: `${fitting.type}x` };
      await refused(db().append([more, event("A", [])]), "`events[0]`");
    });

    it("counts tracking information and metadata into the page", async () => {
      const source = uniqueTag("s");
      const spare = 4_087 - 31 - 16 - 8 - 12 - source.length;
      const at = (length: number) => ({ ...event("T".repeat(length), []), data: new Uint8Array(100), metadata: { k: "v" } });
      expect(await db().append([at(spare)], { trackingInfo: { source, position: 1n } })).toBeGreaterThan(0n);
      await refused(db().append([at(spare + 1)], { trackingInfo: { source, position: 2n } }), "`events[0]`");
      expect(await db().append([at(spare + 1)])).toBeGreaterThan(0n);
    });

    // 30
    it("refuses metadata with a key twice", async () => {
      await refused(db().append([{ ...event("A", []), metadata: [["k", "1"], ["k", "2"]] }]), "`events[0].metadata key 2`");
    });

    everywhere("accepts metadata keys and values of 65 535 bytes, and refuses one more", async () => {
      const tag = uniqueTag("metadata");
      await db().append([{ ...event("A", [tag]), metadata: { k: "v".repeat(65_535), ["l".repeat(65_535)]: "" } }]);
      const [stored] = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(Object.entries(stored?.event.metadata ?? {}).map(([key, value]) => [key.length, value.length])).toEqual([[1, 65_535], [65_535, 0]]);
      await refused(db().append([{ ...event("A", []), metadata: { k: "v".repeat(65_536) } }]), "`events[0].metadata value 1`");
      await refused(db().append([{ ...event("A", []), metadata: { ["ü".repeat(32_768)]: "" } }]), "`events[0].metadata key 1`");
    });

    // 32
    everywhere("stores a payload of 1 MiB, and one of almost 4 MiB", async () => {
      for (const size of [MIB, 4 * MIB - 200]) {
        const tag = uniqueTag("large");
        const data = new Uint8Array(size).map((_, index) => index * 31);
        await db().append([{ type: "Large", tags: [tag], data }]);
        const [stored] = await db().read({ items: [{ tags: [tag] }] }).toArray();
        expect(stored?.event.data.length).toBe(size);
        expect(sum(stored?.event.data)).toBe(sum(data));
      }
    }, 30_000);

    it("refuses a request above 4 MiB", async () => {
      await refused(db().append([{ type: "Large", data: new Uint8Array(4 * MIB) }]), "`events` must fit into one request of 4194304 bytes");
    });

    // 47
    everywhere("reads batches above 3.5 MiB whole, with the store's head", async () => {
      const tag = uniqueTag("batches");
      const data = new Uint8Array(MIB).fill(1);
      let last = 0n;
      for (let i = 0; i < 8; i++) last = await db().append([{ type: "Large", tags: [tag], data }]);
      const read = db().read({ items: [{ tags: [tag] }] });
      const head = await read.head();
      expect(head).toBeGreaterThanOrEqual(last);
      const events = await read.toArray();
      expect(events).toHaveLength(8);
      expect(events.at(-1)?.position).toBe(last);
      expect(await read.head()).toBe(head);
    }, 30_000);

    everywhere("appends 10 000 events at once", async () => {
      const tag = uniqueTag("many");
      const last = await db().append(Array.from({ length: 10_000 }, (_, i) => event("A", [tag], String(i))));
      const events = await db().read({ items: [{ tags: [tag] }] }).toArray();
      expect(events).toHaveLength(10_000);
      expect(events[0]?.position).toBe(last - 9_999n);
    }, 30_000);

    // 50
    it("refuses request metadata above 16 KiB", async () => {
      await refused(db().head({ headers: { "x-large": "x".repeat(16_500) } }), "`headers`");
      await refused(db().append([event("A", [])], { headers: { "x-large": "x".repeat(16_500) } }), "`headers`");
    });
  });
}

function sum(data: Uint8Array | undefined): number {
  let total = 0;
  for (const byte of data ?? []) total = (total * 31 + byte) >>> 0;
  return total;
}
