import { StreamNotFoundError, eventTypes, excludeSystemEvents, streamNames, SYSTEM_EVENTS } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";
import { linkTo, numbered, type SpecContext } from "./backend.js";

export function readSpec({ client, stream }: SpecContext): void {
  const revisions = (events: readonly { revision: bigint }[]): number[] => events.map(({ revision }) => Number(revision));

  describe("readStream()", () => {
    it("gives all events forwards, and all of them backwards", async () => {
      const name = stream();
      await client().append(name, numbered(50));
      const all = Array.from({ length: 50 }, (_, n) => n);
      expect(revisions(await client().readStream(name).toArray())).toEqual(all);
      expect(revisions(await client().readStream(name, { backwards: true }).toArray())).toEqual(all.reverse());
    });

    it("begins at `from`, which is in it, both ways, and ends after `limit`", async () => {
      const name = stream();
      await client().append(name, numbered(10));
      expect(revisions(await client().readStream(name, { from: 3n, limit: 4 }).toArray())).toEqual([3, 4, 5, 6]);
      expect(revisions(await client().readStream(name, { from: 3n, backwards: true, limit: 2 }).toArray())).toEqual([3, 2]);
      expect(revisions(await client().readStream(name, { from: 10n }).toArray())).toEqual([]);
      expect(revisions(await client().readStream(name, { from: 99n, backwards: true, limit: 1 }).toArray())).toEqual([9]);
    });

    it("gives nothing where nothing can come: no limit at all, and forwards from the end", async () => {
      const name = stream();
      await client().append(name, numbered(1));
      expect(await client().readStream(name, { limit: 0 }).toArray()).toEqual([]);
      expect(await client().readStream(name, { from: "end" }).toArray()).toEqual([]);
    });

    it("knows the stream's last revision once it has ended", async () => {
      const name = stream();
      await client().append(name, numbered(4));
      const read = client().readStream(name, { limit: 2 });
      expect(read.lastRevision).toBeUndefined();
      await read.toArray();
      expect(read.lastRevision).toBe(3n);
    });

    it("rejects at the first event where there is no such stream", async () => {
      const name = stream();
      const error = await client().readStream(name)[Symbol.asyncIterator]().next().then(() => undefined, (failure: unknown) => failure);
      expect(error).toBeInstanceOf(StreamNotFoundError);
      expect(error).toMatchObject({ code: "not_found", stream: name });
    });

    it("gives links as they are, or the events that they lead to with the link beside", async () => {
      const [target, links] = [stream(), stream()];
      await client().append(target, numbered(1));
      await client().append(links, [linkTo(target, 0n), linkTo(target, 9n)]);
      expect((await client().readStream(links).toArray()).map(({ type, link }) => [type, link])).toEqual([["$>", undefined], ["$>", undefined]]);
      const [followed, dangling] = await client().readStream(links, { resolveLinks: true }).toArray();
      expect(followed).toMatchObject({ stream: target, type: "Counted", revision: 0n, link: { stream: links, revision: 0n, type: "$>" } });
      expect(dangling).toMatchObject({ stream: links, revision: 1n, type: "$>", link: undefined });
    });

    it("is over when its loop is left, and can be iterated once", async () => {
      const name = stream();
      await client().append(name, numbered(5));
      const read = client().readStream(name);
      for await (const { revision } of read) {
        expect(revision).toBe(0n);
        break;
      }
      expect(() => read.toObjects()).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    });
  });

  describe("readAll()", () => {
    it("gives events in the order in which they were written, inclusive forwards and exclusive backwards", async () => {
      const [a, b] = [stream(), stream()];
      const first = await client().append(a, numbered(1));
      await client().append(b, numbered(1));
      const from = first.position as NonNullable<typeof first.position>;
      const forwards = await client().readAll({ from, filter: streamNames({ prefix: [a, b] }) }).toArray();
      expect(forwards.map(({ stream: name }) => name)).toEqual([a, b]);
      const backwards = await client().readAll({ from: forwards[1]?.position, backwards: true, filter: streamNames({ prefix: [a, b] }) }).toArray();
      expect(backwards.map(({ stream: name }) => name)).toEqual([a]);
      expect((await client().readAll({ from: from.commit, limit: 1 }).toArray())[0]?.stream).toBe(a);
    });

    it("chooses by type, by the name of the stream, and by leaving out", async () => {
      const name = stream();
      const tag = name.slice(5, 13);
      await client().append(name, [...numbered(1, 0, `A${tag}`), ...numbered(1, 1, `AB${tag}`), ...numbered(1, 2, `BA${tag}`)]);
      const types = async (filter: Parameters<ReturnType<typeof client>["readAll"]>[0]): Promise<string[]> =>
        (await client().readAll(filter).toArray()).map(({ type }) => type.replace(tag, ""));
      expect(await types({ filter: eventTypes({ include: [`A.?${tag}`] }) })).toEqual(["A", "AB"]);
      expect(await types({ filter: eventTypes({ include: [`A${tag}`, `BA${tag}`] }) })).toEqual(["A", "BA"]);
      expect(await types({ filter: streamNames({ include: [name.slice(0, 20)] }) })).toEqual([]);
      expect(await types({ filter: streamNames({ include: [`${name.slice(0, 20)}.*`] }), limit: 2 })).toEqual(["A", "AB"]);
      const others = await types({ filter: eventTypes({ exclude: [SYSTEM_EVENTS, `A.?${tag}`] }) });
      expect(others).toContain("BA");
      expect(others).not.toContain("AB");
      expect((await types({ filter: excludeSystemEvents() })).filter((type) => type.startsWith("$"))).toEqual([]);
    });
  });

  describe("streamRevision() and commitPosition()", () => {
    it("know the last revision of a stream, and that there is none", async () => {
      const name = stream();
      expect(await client().streamRevision(name)).toBeUndefined();
      await client().append(name, numbered(3));
      expect(await client().streamRevision(name)).toBe(2n);
    });

    it("know the position of the last event", async () => {
      const { position } = await client().append(stream(), numbered(2));
      expect(await client().commitPosition()).toBeGreaterThanOrEqual((position as { commit: bigint }).commit);
    });
  });
}
