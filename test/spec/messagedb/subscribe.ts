import type { MessageStore, MessageSubscription, SubscribeOptions } from "millrace/messagedb";
import { positionStore } from "millrace/messagedb";
import { describe, expect } from "vitest";
import { errorOf, fill, take, uniqueCategory, uniqueId, values, type SpecContext } from "./backend.js";

export function subscribeSpec({ db, open, session, concurrent, onFresh, it, everywhere }: SpecContext): void {
  /** Runs `test` with a subscription, which is closed after it. */
  const following = async (name: string, options: SubscribeOptions, test: (subscription: MessageSubscription) => Promise<void>): Promise<void> => {
    const subscription = db().subscribe(name, options);
    try {
      await test(subscription);
    } finally {
      await subscription.close();
    }
  };

  const isLive = (subscription: MessageSubscription): Promise<void> => new Promise((resolve) => {
    const look = (): void => { if (subscription.state.kind === "live") resolve(); };
    subscription.onStateChange(look);
    look();
  });

  describe("subscribe()", () => {
    // 38
    everywhere("to a category gives the stored messages and then new ones, each once and in order", async () => {
      const category = uniqueCategory("follow");
      await fill(db(), `${category}-1`, 2);
      await following(category, {}, async (subscription) => {
        const messages = subscription[Symbol.asyncIterator]();
        expect(values(await take(messages, 2))).toEqual([0, 1]);
        for (let n = 0; n < 3; n++) {
          await db().write(`${category}-${n}`, { type: "New", data: { n } });
          expect(values(await take(messages, 1))).toEqual([n]);
        }
      });
    });

    // 38
    everywhere("to a stream gives its messages from `start` on, and no others", async () => {
      const category = uniqueCategory("follow");
      await fill(db(), `${category}-1`, 3);
      await following(`${category}-1`, { start: 1n }, async (subscription) => {
        const messages = subscription[Symbol.asyncIterator]();
        expect(values(await take(messages, 2))).toEqual([1, 2]);
        expect(subscription.position).toBe(1n);
        await db().write(`${category}-2`, { type: "Other", data: { n: "other" } });
        await db().write(`${category}-1`, { type: "New", data: { n: "new" } });
        expect(values(await take(messages, 1))).toEqual(["new"]);
      });
    });

    // 38
    it("with `after: \"end\"` gives what is written after it was opened", async () => {
      const category = uniqueCategory("end");
      await fill(db(), `${category}-1`, 2);
      await following(category, { after: "end" }, async (subscription) => {
        await subscription.opened;
        await db().write(`${category}-1`, { type: "New", data: { n: "new" } });
        expect(values(await take(subscription.values(), 1))).toEqual(["new"]);
      });
    });

    // 38
    it("is live once nothing stored is left", async () => {
      const category = uniqueCategory("live");
      await fill(db(), `${category}-1`, 2);
      await following(category, {}, async (subscription) => {
        const messages = subscription[Symbol.asyncIterator]();
        await take(messages, 2);
        expect(subscription.state.kind).not.toBe("live");
        const next = messages.next();
        await isLive(subscription);
        await db().write(`${category}-1`, { type: "New", data: { n: "new" } });
        expect((await next).value).toMatchObject({ type: "New" });
      });
    });

    // 38
    it("of a consumer group brings each message to one member", async () => {
      const category = uniqueCategory("members");
      const members = [0, 1].map((member) => db().subscribe(category, { consumerGroup: { member, size: 2 } }));
      const seen = members.map(async (subscription) => {
        const streams: string[] = [];
        for await (const { stream, type } of subscription) {
          if (type === "Last") return streams;
          streams.push(stream);
        }
        return streams;
      });
      const streams = Array.from({ length: 12 }, (_, n) => `${category}-${n}`);
      for (const stream of streams) await db().write(stream, { type: "A" });
      for (const stream of streams) await db().write(stream, { type: "Last" });
      expect((await Promise.all(seen)).flat().sort()).toEqual(streams.sort());
      await Promise.all(members.map((subscription) => subscription.close()));
    });

    // 38
    it("goes on where its position store left it", async () => {
      const category = uniqueCategory("place");
      await fill(db(), `${category}-1`, 5);
      const options = { positionStore: positionStore(db(), category, { identifier: "one" }), positionUpdateInterval: 2 };
      await following(category, options, async (subscription) => {
        expect(values(await take(subscription[Symbol.asyncIterator](), 3))).toEqual([0, 1, 2]);
        // What was handled is recorded by and by.
        await expect.poll(() => db().streamVersion(`${category}:position-one`), { timeout: 10_000 }).toBe(0n);
      });
      const recorded = await db().readStream(`${category}:position-one`).toArray();
      const places = (await db().readCategory(category).toArray()).map(({ globalPosition }) => Number(globalPosition));
      expect(recorded.map(({ type, data }) => [type, data])).toEqual([["Recorded", { position: places[1] }]]);
      await following(category, options, async (subscription) => {
        expect(values(await take(subscription[Symbol.asyncIterator](), 1))).toEqual([2]);
      });
    });

    // 38
    everywhere("ends with the caller's reason when its signal is aborted, and with its client", async () => {
      const controller = new AbortController();
      const reason = new Error("Enough");
      const waiting = errorOf(take(db().subscribe(uniqueCategory("abort"), { signal: controller.signal })[Symbol.asyncIterator](), 1));
      controller.abort(reason);
      expect(await waiting).toBe(reason);
      const other = await open();
      const left = errorOf(take(other.subscribe(uniqueCategory("closed"))[Symbol.asyncIterator](), 1));
      await other.close();
      expect(await left).toMatchObject({ code: "unavailable", message: "The client is closed" });
    });

    if (onFresh !== undefined) {
      // 37
      everywhere('to "$all" gives every message past `after`', onFresh(async (fresh: MessageStore) => {
        await fill(fresh, "a-1", 2);
        const subscription = fresh.subscribe("$all", { after: 1n });
        const messages = subscription[Symbol.asyncIterator]();
        expect(await take(messages, 1)).toMatchObject([{ globalPosition: 2n }]);
        await fresh.write("b-1", { type: "New" });
        expect(await take(messages, 1)).toMatchObject([{ globalPosition: 3n, stream: "b-1" }]);
        await subscription.close();
      }));
    }

    if (concurrent) {
      // 37
      it('to "$all" waits for a transaction that took a lower position and commits later', async () => {
        const category = uniqueCategory("late");
        const holder = await session();
        try {
          await holder.query("BEGIN");
          await holder.query("SELECT write_message($1::text, $2::text, 'Late', '{}'::jsonb)", [uniqueId(), `${category}-1`]);
          await db().write(`${category}x-1`, { type: "Early" });
          const early = await db().readLastMessage(`${category}x-1`);
          await following("$all", { after: (early?.globalPosition ?? 0n) - 2n }, async (subscription) => {
            const next = take(subscription[Symbol.asyncIterator](), 2);
            await subscription.opened;
            await holder.query("COMMIT");
            expect((await next).map(({ type }) => type)).toEqual(["Late", "Early"]);
            expect(subscription.state.gaps).toBeUndefined();
          });
        } finally {
          await holder.close();
        }
      });
    }
  });
}
