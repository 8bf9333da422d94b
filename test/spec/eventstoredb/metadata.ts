import { jsonEvent, type StreamMetadata } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";
import { numbered, type SpecContext } from "./backend.js";

export function metadataSpec({ client, stream }: SpecContext): void {
  describe("getStreamMetadata() and setStreamMetadata()", () => {
    it("find none where none was set", async () => {
      expect(await client().getStreamMetadata(stream())).toEqual({ metadata: {}, revision: undefined });
    });

    it("keep everything, numbers that JavaScript cannot hold included", async () => {
      const name = stream();
      const metadata: StreamMetadata = {
        maxAge: 86_400n, maxCount: 2n ** 60n + 1n, truncateBefore: 2n ** 53n + 1n, cacheControl: 7n,
        acl: { read: ["$all"], write: ["ann", "$ops"], delete: [], metaRead: ["$admins"] },
        custom: { note: "123456789012345678", big: 9_007_199_254_740_993n, small: 1, half: 0.5, list: [null, { deep: -9_007_199_254_740_993n }] },
      };
      const { nextRevision } = await client().setStreamMetadata(name, metadata, { expectedRevision: "no_stream" });
      expect(await client().getStreamMetadata(name)).toEqual({ metadata, revision: nextRevision });
    });

    it("reads a stream's deletion without loss, and what is no JSON object as nothing", async () => {
      const name = stream();
      await client().append(name, numbered(1));
      await client().deleteStream(name);
      expect((await client().getStreamMetadata(name)).metadata).toEqual({ truncateBefore: 2n ** 63n - 1n });
      const other = stream();
      await client().append(`$$${other}`, [jsonEvent({ type: "$metadata", data: [1] })]);
      expect((await client().getStreamMetadata(other)).metadata).toEqual({});
    });

    it("takes effect: events beyond `maxCount` and before `truncateBefore` are not read", async () => {
      const name = stream();
      await client().append(name, numbered(10));
      const numbers = async (): Promise<bigint[]> => (await client().readStream(name).toArray()).map(({ revision }) => revision);
      await client().setStreamMetadata(name, { maxCount: 2n });
      expect(await numbers()).toEqual([8n, 9n]);
      await client().setStreamMetadata(name, { truncateBefore: 9n });
      expect(await numbers()).toEqual([9n]);
    });

    it("rejects where somebody else has set it meanwhile", async () => {
      const name = stream();
      await client().setStreamMetadata(name, { maxCount: 1n });
      await expect(client().setStreamMetadata(name, {}, { expectedRevision: "no_stream" })).rejects.toMatchObject({ name: "WrongExpectedVersionError" });
    });
  });
}
