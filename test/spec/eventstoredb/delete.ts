import { describe, expect, it } from "vitest";
import { numbered, type SpecContext } from "./backend.js";

export function deleteSpec({ client, stream }: SpecContext): void {
  describe("deleteStream()", () => {
    it("hides a stream, whose numbers a later append goes on with", async () => {
      const name = stream();
      await client().append(name, numbered(3));
      expect((await client().deleteStream(name, { expectedRevision: 2n })).position).toBeDefined();
      await expect(client().readStream(name).toArray()).rejects.toMatchObject({ name: "StreamNotFoundError" });
      expect(await client().streamRevision(name)).toBeUndefined();
      expect((await client().append(name, numbered(1), { expectedRevision: "no_stream" })).nextRevision).toBe(3n);
      expect((await client().readStream(name).toArray()).map(({ revision }) => revision)).toEqual([3n]);
    });

    it("rejects where the stream is not as expected, and where it never existed", async () => {
      const name = stream();
      await expect(client().deleteStream(name)).rejects.toMatchObject({ name: "WrongExpectedVersionError", stream: name, expected: "any", actual: "no_stream" });
      await client().append(name, numbered(2));
      await expect(client().deleteStream(name, { expectedRevision: 0n })).rejects.toMatchObject({ name: "WrongExpectedVersionError", expected: 0n, actual: 1n });
    });
  });

  describe("tombstoneStream()", () => {
    it("ends a stream for good", async () => {
      const name = stream();
      await client().append(name, numbered(1));
      await client().tombstoneStream(name, { expectedRevision: 0n });
      const gone = { name: "StreamDeletedError", stream: name };
      await expect(client().append(name, numbered(1))).rejects.toMatchObject(gone);
      await expect(client().readStream(name).toArray()).rejects.toMatchObject(gone);
      await expect(client().streamRevision(name)).rejects.toMatchObject(gone);
      await expect(client().deleteStream(name)).rejects.toMatchObject(gone);
      await expect(client().tombstoneStream(name)).rejects.toMatchObject(gone);
    });
  });
}
