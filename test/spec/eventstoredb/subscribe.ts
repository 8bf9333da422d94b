import { eventTypes, streamNames } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";
import { linkTo, numbered, takeFrom, type SpecContext } from "./backend.js";

export function subscribeSpec({ client, stream }: SpecContext): void {
  const revisions = (events: readonly { revision: bigint }[]): number[] => events.map(({ revision }) => Number(revision));

  describe("subscribeToStream()", () => {
    it("gives what is stored, then each new event, and says when it is live", async () => {
      const name = stream();
      await client().append(name, numbered(40));
      const subscription = client().subscribeToStream(name);
      const kinds: string[] = [];
      subscription.onStateChange(({ kind }) => kinds.push(kind));
      const events = subscription.values();
      expect(revisions(await takeFrom(events, 40))).toEqual(Array.from({ length: 40 }, (_, n) => n));
      const next = events.next();
      await expect.poll(() => subscription.state.kind).toBe("live");
      await client().append(name, numbered(1));
      expect((await next).value).toMatchObject({ revision: 40n });
      expect(kinds).toEqual(["catching-up", "live"]);
      expect(subscription.position).toBe(39n);
      await subscription.close();
    });

    it("begins after `after`, which is not in it", async () => {
      const name = stream();
      await client().append(name, numbered(5));
      const subscription = client().subscribeToStream(name, { after: 2n });
      expect(revisions(await takeFrom(subscription.values(), 2))).toEqual([3, 4]);
      await subscription.close();
    });

    it("gives new events alone where it begins at the end", async () => {
      const name = stream();
      await client().append(name, numbered(3));
      const subscription = client().subscribeToStream(name, { after: "end" });
      await subscription.opened;
      await client().append(name, numbered(2));
      expect(revisions(await takeFrom(subscription.values(), 2))).toEqual([3, 4]);
      await subscription.close();
    });

    it("waits for a stream that does not exist", async () => {
      const name = stream();
      const subscription = client().subscribeToStream(name);
      await subscription.opened;
      const next = subscription.values().next();
      await client().append(name, numbered(1));
      expect((await next).value).toMatchObject({ revision: 0n });
      await subscription.close();
    });

    it("goes on at its place after three events, where the loop was left open", async () => {
      const name = stream();
      await client().append(name, numbered(6));
      const subscription = client().subscribeToStream(name);
      for (const expected of [[0, 1, 2], [3, 4, 5]]) {
        const taken: number[] = [];
        for await (const { revision } of subscription.values({ preventCancel: true })) {
          if (taken.push(Number(revision)) === 3) break;
        }
        expect(taken).toEqual(expected);
      }
      await subscription.close();
    });

    it("stands at the link where links are resolved", async () => {
      const [target, links] = [stream(), stream()];
      await client().append(target, numbered(9));
      await client().append(links, [linkTo(target, 8n), linkTo(target, 7n)]);
      const subscription = client().subscribeToStream(links, { resolveLinks: true });
      const events = subscription.values({ preventCancel: true });
      expect(revisions(await takeFrom(events, 2))).toEqual([8, 7]);
      await events.return?.();
      expect(subscription.position).toBe(1n);
      await subscription.close();
    });

    it("ends with its error, after the last event, once its stream is tombstoned", async () => {
      const name = stream();
      await client().append(name, numbered(1));
      const subscription = client().subscribeToStream(name);
      const events = subscription.values();
      await takeFrom(events, 1);
      await client().tombstoneStream(name);
      expect((await events.next()).value).toMatchObject({ type: "$streamDeleted" });
      await expect(events.next()).rejects.toMatchObject({ name: "StreamDeletedError" });
      expect(subscription.state).toMatchObject({ kind: "closed", cause: { name: "StreamDeletedError" } });
      await expect(client().subscribeToStream(name).opened).rejects.toMatchObject({ name: "StreamDeletedError" });
    });

    it("ends when its loop is left", async () => {
      const name = stream();
      await client().append(name, numbered(2));
      const subscription = client().subscribeToStream(name);
      for await (const { revision } of subscription) if (revision === 0n) break;
      expect(subscription.state.kind).toBe("closed");
    });
  });

  describe("subscribeToAll()", () => {
    it("gives the events of all streams past a position, in order", async () => {
      const names = [stream(), stream()] as const;
      const { position } = await client().append(names[0], numbered(1));
      await client().append(names[1], numbered(1));
      await client().append(names[0], numbered(1));
      const subscription = client().subscribeToAll({ after: position, filter: streamNames({ prefix: names }) });
      const events = await takeFrom(subscription.values(), 2);
      expect(events.map((event) => [event.stream, event.revision])).toEqual([[names[1], 0n], [names[0], 1n]]);
      await subscription.close();
    });

    it("knows a place to go on from, past events that its filter left out", async () => {
      const name = stream();
      const type = `Rare${name.slice(5, 13)}`;
      const { position } = await client().append(name, numbered(1, 0, type));
      await client().append(name, numbered(100));
      const filter = eventTypes({ include: [type] });
      const subscription = client().subscribeToAll({ filter });
      const events = subscription.values();
      await takeFrom(events, 1);
      const next = events.next();
      await expect.poll(() => subscription.state.kind).toBe("live");
      await client().append(name, numbered(100));
      await expect.poll(() => subscription.checkpoint?.commit).toBeGreaterThan((position as { commit: bigint }).commit);
      await client().append(name, numbered(1, 0, type));
      const { value } = await next;
      expect(value).toMatchObject({ type, revision: 201n });
      const again = client().subscribeToAll({ after: subscription.checkpoint, filter });
      expect(await takeFrom(again.values(), 1)).toMatchObject([{ type, revision: 201n }]);
      await Promise.all([subscription.close(), again.close()]);
    });
  });
}
