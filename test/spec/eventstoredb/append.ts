import { fromJson, isMillraceError, text } from "millrace";
import { binaryEvent, jsonEvent, WrongExpectedVersionError } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";
import { numbered, type SpecContext } from "./backend.js";

export function appendSpec({ client, stream }: SpecContext): void {
  describe("append()", () => {
    it("numbers events from 0 and returns the revision of the last one and its position", async () => {
      const name = stream();
      const { nextRevision, position } = await client().append(name, numbered(3), { expectedRevision: "no_stream" });
      expect(nextRevision).toBe(2n);
      const [last] = await client().readStream(name, { backwards: true, limit: 1 }).toArray();
      expect(last?.position).toEqual(position);
    });

    it("keeps id, type, payload, metadata and kind of content of each event", async () => {
      const name = stream();
      const id = crypto.randomUUID();
      await client().append(name, [
        jsonEvent({ type: "Määrätty", data: { a: ["ü", 1] }, metadata: { by: "ann" }, id: id.toUpperCase() }),
        binaryEvent({ type: "Raw", data: Uint8Array.of(0, 255) }),
      ]);
      const [json, binary] = await client().readStream(name).toArray();
      expect(json).toMatchObject({ id, type: "Määrätty", stream: name, revision: 0n, contentType: "application/json" });
      expect(fromJson(json?.data as Uint8Array)).toEqual({ a: ["ü", 1] });
      expect(text(json?.metadata as Uint8Array)).toBe('{"by":"ann"}');
      expect(binary?.toObject()).toMatchObject({ type: "Raw", data: Uint8Array.of(0, 255), metadata: new Uint8Array(0), contentType: "application/octet-stream" });
      expect(Math.abs(Date.now() - Number(json?.created))).toBeLessThan(600_000);
    });

    it.each([
      { expectedRevision: 0n, actual: 1n }, { expectedRevision: 7n, actual: 1n }, { expectedRevision: "no_stream", actual: 1n },
    ] as const)("rejects where $expectedRevision is expected of a stream at revision 1, and writes nothing", async ({ expectedRevision, actual }) => {
      const name = stream();
      await client().append(name, numbered(2));
      const error = await client().append(name, numbered(1), { expectedRevision }).catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(WrongExpectedVersionError);
      expect(error).toMatchObject({ code: "conflict", stream: name, expected: expectedRevision, actual, applied: "no" });
      expect(await client().streamRevision(name)).toBe(1n);
    });

    it.each(["stream_exists", 0n] as const)("rejects where %s is expected of a stream that does not exist", async (expectedRevision) => {
      const name = stream();
      await expect(client().append(name, numbered(1), { expectedRevision })).rejects.toMatchObject({ name: "WrongExpectedVersionError", actual: "no_stream" });
    });

    it("returns the conflict instead of throwing it, where that is asked for", async () => {
      const name = stream();
      const returned = await client().append(name, numbered(1), { expectedRevision: 3n, conflict: "return" });
      expect(isMillraceError(returned, "conflict")).toBe(true);
    });

    it("goes on from the revision that it returned", async () => {
      const name = stream();
      const first = await client().append(name, numbered(1), { expectedRevision: "no_stream" });
      const second = await client().append(name, numbered(1), { expectedRevision: first.nextRevision });
      await client().append(name, numbered(1), { expectedRevision: "stream_exists" });
      expect([second.nextRevision, await client().streamRevision(name)]).toEqual([1n, 2n]);
    });

    it.each(["no_stream", "any"] as const)("answers a repeat by the same ids as the first time, where %s is expected", async (expectedRevision) => {
      const name = stream();
      const events = numbered(2).map((event) => ({ ...event, id: crypto.randomUUID() }));
      const first = await client().append(name, events, { expectedRevision });
      expect(await client().append(name, events, { expectedRevision })).toEqual(first);
      expect(await client().readStream(name).toArray()).toHaveLength(2);
    });

    it("writes nothing for an empty list, and checks the expectation", async () => {
      const name = stream();
      expect((await client().append(name, [], { expectedRevision: "no_stream" })).nextRevision).toBeUndefined();
      await expect(client().append(name, [], { expectedRevision: 0n })).rejects.toMatchObject({ code: "conflict" });
    });

    it("takes a hundred appends at once, each atomic", async () => {
      const name = stream();
      await Promise.all(Array.from({ length: 100 }, (_, n) => client().append(name, numbered(2, n * 2))));
      const numbers = (await client().readStream(name).toArray()).map(({ data }) => fromJson<{ n: number }>(data).n);
      expect(numbers).toHaveLength(200);
      for (let at = 0; at < 200; at += 2) expect(numbers[at + 1]).toBe((numbers[at] as number) + 1);
    });

    it("rejects with the caller's reason when the signal is aborted", async () => {
      const reason = new Error("the caller left");
      await expect(client().append(stream(), numbered(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });
  });
}
