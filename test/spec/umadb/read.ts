import type { Query } from "millrace/umadb";
import { describe, expect } from "vitest";
import { bytes, errorOf, event, plain, positions, take, uniqueTag, type SpecContext } from "./backend.js";

export function readSpec({ db, onFresh, it, everywhere }: SpecContext): void {
  const of = (tag: string): Query => ({ items: [{ tags: [tag] }] });

  describe("read()", () => {
    if (onFresh !== undefined) {
      // 1
      it("of an empty store gives nothing and has no head, both ways", onFresh(async (fresh) => {
        expect(await fresh.head()).toBeUndefined();
        for (const backwards of [false, true]) {
          const read = fresh.read(undefined, { backwards });
          expect(await read.toArray()).toEqual([]);
          expect(await read.head()).toBeUndefined();
        }
      }));

      // 4
      everywhere("starts at `start` itself, both ways", onFresh(async (fresh) => {
        await fresh.append([event("A", []), event("B", []), event("C", [])]);
        const read = async (start: bigint | undefined, backwards: boolean): Promise<bigint[]> => positions(await fresh.read(undefined, { start, backwards }).toArray());
        expect(await read(undefined, false)).toEqual([1n, 2n, 3n]);
        expect(await read(0n, false)).toEqual([1n, 2n, 3n]);
        expect(await read(2n, false)).toEqual([2n, 3n]);
        expect(await read(3n, false)).toEqual([3n]);
        expect(await read(11n, false)).toEqual([]);
        expect(await read(undefined, true)).toEqual([3n, 2n, 1n]);
        expect(await read(0n, true)).toEqual([]);
        expect(await read(1n, true)).toEqual([1n]);
        expect(await read(2n, true)).toEqual([2n, 1n]);
        expect(await read(11n, true)).toEqual([3n, 2n, 1n]);
        // 45
        for (const start of [2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
          expect(await read(start, false)).toEqual([]);
          expect(await read(start, true)).toEqual([3n, 2n, 1n]);
        }
      }));

      // 9
      it("without a query, without items and by an empty item reads everything", onFresh(async (fresh) => {
        await fresh.append([event("A", ["x"]), event("B", [])]);
        for (const query of [undefined, { items: [] }, { items: [{}] }, { items: [{ types: [], tags: [] }] }]) {
          expect(positions(await fresh.read(query).toArray())).toEqual([1n, 2n]);
        }
      }));
    }

    // 5
    it("has the store's head, also when nothing matches", async () => {
      const head = await db().append([event("A", [uniqueTag("head")])]);
      const read = db().read(of(uniqueTag("nothing")));
      expect(await read.toArray()).toEqual([]);
      expect(await read.head()).toBeGreaterThanOrEqual(head);
    });

    // 6
    everywhere("with a limit has the last position delivered as its head, both ways, and none when nothing matches", async () => {
      const tag = uniqueTag("limit");
      const last = await db().append([event("A", [tag]), event("B", [tag]), event("C", [tag])]);
      const read = db().read(of(tag), { limit: 2 });
      expect(positions(await read.toArray())).toEqual([last - 2n, last - 1n]);
      expect(await read.head()).toBe(last - 1n);
      const backwards = db().read(of(tag), { limit: 2, backwards: true });
      expect(positions(await backwards.toArray())).toEqual([last, last - 1n]);
      expect(await backwards.head()).toBe(last - 1n);
      const nothing = db().read(of(uniqueTag("nothing")), { limit: 2 });
      expect(await nothing.toArray()).toEqual([]);
      expect(await nothing.head()).toBeUndefined();
    });

    // 7
    it("with limit 0 gives nothing and has no head", async () => {
      const read = db().read(undefined, { limit: 0 });
      expect(await read.toArray()).toEqual([]);
      expect(await read.head()).toBeUndefined();
    });

    // 8
    it("finds by type, by tags that an event must all have, and by any of several items, in the order of positions", async () => {
      const [one, two] = [uniqueTag("one"), uniqueTag("two")];
      const last = await db().append([event("A", [one]), event("B", [two]), event("A", [one, two]), event("C", [two, one])]);
      const [a, b, c, d] = [last - 3n, last - 2n, last - 1n, last];
      const found = async (query: Query, backwards = false): Promise<bigint[]> => positions(await db().read(query, { backwards, start: backwards ? undefined : a }).toArray());
      expect(await found({ items: [{ types: ["A"], tags: [one] }] })).toEqual([a, c]);
      expect(await found({ items: [{ types: ["A", "C"], tags: [one] }] })).toEqual([a, c, d]);
      expect(await found(of(one))).toEqual([a, c, d]);
      expect(await found({ items: [{ tags: [one, two] }] })).toEqual([c, d]);
      expect(await found({ items: [{ tags: [two, one, two] }] })).toEqual([c, d]);
      const items = [{ types: ["B"], tags: [two] }, { tags: [one] }];
      expect(await found({ items })).toEqual([a, b, c, d]);
      expect(await found({ items: [...items].reverse() })).toEqual([a, b, c, d]);
      expect(await found({ items }, true)).toEqual([d, c, b, a]);
      expect(await found({ items: [{ types: ["A"], tags: [one] }, { types: ["A"], tags: [two] }] })).toEqual([a, c]);
    });

    // 10
    it("does not mistake a tag for another one with the same hash", async () => {
      const [student, course] = ["student-1a5c7f43-c0cb-465f-a9ad-8e452cce2b38", "course-2b99b9c4-9031-43fd-a7e5-dceda7cab3ea"];
      const last = await db().append([event("S", [student as string]), event("K", [course as string])]);
      const found = async (tags: string[]): Promise<bigint[]> => positions(await db().read({ items: [{ tags }] }, { start: last - 1n }).toArray());
      expect(await found([student as string])).toEqual([last - 1n]);
      expect(await found([course as string])).toEqual([last]);
      expect(await found([student as string, course as string])).toEqual([]);
    });

    // 11
    it("comes in batches of the size asked for", async () => {
      const tag = uniqueTag("batches");
      await db().append([event("A", [tag]), event("B", [tag]), event("C", [tag])]);
      const sizes = async (batchSize: number): Promise<number[]> => {
        const found: number[] = [];
        for await (const batch of db().read(of(tag), { batchSize }).batches()) found.push(batch.length);
        return found;
      };
      expect(await sizes(2)).toEqual([2, 1]);
      expect(await sizes(10)).toEqual([3]);
      expect(await sizes(0)).toEqual([1, 1, 1]);
      expect(await sizes(4_000_000_000)).toEqual([3]);
    });

    // 12
    everywhere("does not see events that are appended while it runs", async () => {
      const tag = uniqueTag("snapshot");
      await db().append([event("A", [tag]), event("B", [tag]), event("C", [tag])]);
      const read = db().read(of(tag), { batchSize: 1 });
      const iterator = read[Symbol.asyncIterator]();
      const first = await take(iterator, 1);
      const head = await read.head();
      await db().append([event("D", [tag])]);
      const rest = await take(iterator, 10);
      expect([...first, ...rest].map(({ event: { type } }) => type)).toEqual(["A", "B", "C"]);
      expect(await read.head()).toBe(head);
    });

    // 13
    everywhere("of more events than fit a batch is complete and in order", async () => {
      const tag = uniqueTag("many");
      const last = await db().append(Array.from({ length: 2_500 }, (_, i) => event("A", [tag], String(i))));
      let expected = last - 2_499n;
      for await (const { position, event: { data } } of db().read(of(tag))) {
        expect(position).toBe(expected);
        expect(data).toEqual(bytes(String(position - (last - 2_499n))));
        expected++;
      }
      expect(expected).toBe(last + 1n);
    });

    // 14
    everywhere("that is left early disturbs no other", async () => {
      const tag = uniqueTag("left");
      await db().append(Array.from({ length: 300 }, () => event("A", [tag])));
      const other = db().read(of(tag), { batchSize: 10 })[Symbol.asyncIterator]();
      await take(other, 5);
      for await (const { event: { type } } of db().read(of(tag), { batchSize: 10 })) {
        expect(type).toBe("A");
        break;
      }
      expect(await take(other, 1_000)).toHaveLength(295);
    });

    everywhere("knows its head before, during and after the iteration", async () => {
      const tag = uniqueTag("head");
      await db().append([event("A", [tag]), event("B", [tag])]);
      const head = await db().head();
      const read = db().read(of(tag), { batchSize: 1 });
      expect(await read.head()).toBeGreaterThanOrEqual(head as bigint);
      const known = await read.head();
      for await (const { position } of read) {
        expect(await read.head()).toBe(known);
        expect(position).toBeLessThanOrEqual(known as bigint);
      }
      expect(await read.head()).toBe(known);
    });

    everywhere("can be iterated once", async () => {
      const read = db().read(of(uniqueTag("once")));
      await read.toArray();
      expect(() => read.batches()).toThrow("iterated once");
      expect(await errorOf(read.toArray())).toMatchObject({ code: "invalid_argument" });
    });

    everywhere("hands out events that spread, compare and serialise as plain copies", async () => {
      const tag = uniqueTag("copies");
      const trackingInfo = { source: tag, position: 2n ** 53n + 1n };
      const position = await db().append([{ ...event("A", [tag], "hi"), uuid: "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", metadata: { m: "n" } }], { trackingInfo });
      const [received] = await db().read(of(tag)).toArray();
      const copy = received?.toObject();
      const expected = { position, event: { type: "A", tags: [tag], data: bytes("hi"), uuid: "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", metadata: { m: "n" } }, trackingInfo };
      expect(copy).toEqual(expected);
      expect(structuredClone(copy)).toEqual(expected);
      expect(copy?.event.data.buffer.byteLength).toBe(2);
      expect(received?.detach().event.data.buffer.byteLength).toBe(2);
      expect(JSON.parse(JSON.stringify(received))).toEqual({
        position: String(position),
        event: { type: "A", tags: [tag], data: "aGk=", uuid: "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", metadata: { m: "n" } },
        trackingInfo: { source: tag, position: "9007199254740993" },
      });
      const objects = [];
      for await (const object of db().read(of(tag)).toObjects()) objects.push(object);
      expect(objects).toEqual([expected]);
      expect(plain(await db().read(of(tag)).toArray())).toEqual([expected]);
    });

    everywhere("has the response's headers", async () => {
      const read = db().read(undefined, { limit: 1 });
      expect(await read.headers).toBeInstanceOf(Headers);
      await read.toArray();
    });

    everywhere("rejects with the caller's reason when the signal is aborted between two events", async () => {
      const tag = uniqueTag("abort");
      await db().append([event("A", [tag]), event("B", [tag])]);
      const controller = new AbortController();
      const iterator = db().read(of(tag), { signal: controller.signal })[Symbol.asyncIterator]();
      await take(iterator, 1);
      const reason = new Error("enough");
      controller.abort(reason);
      expect(await errorOf(iterator.next())).toBe(reason);
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });

    // 39
    it("takes no `subscribe`: following is another method", async () => {
      expect(() => db().read(undefined, { subscribe: true } as never)).toThrow("`options.subscribe`");
    });
  });
}
