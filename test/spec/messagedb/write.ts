import { isMillraceError } from "millrace";
import type { NewMessage } from "millrace/messagedb";
import { describe, expect } from "vitest";
import { errorOf, fill, positions, uniqueCategory, uniqueId, values, type SpecContext } from "./backend.js";

export function writeSpec({ db, onFresh, concurrent, session, it, everywhere }: SpecContext): void {
  const counted = (n: number): NewMessage => ({ type: "Counted", data: { n } });

  describe("write()", () => {
    // 7
    everywhere("returns the message's position in its stream: 0, then 1", async () => {
      const stream = `${uniqueCategory("write")}-1`;
      expect(await db().write(stream, counted(0))).toBe(0n);
      expect(await db().write(stream, counted(1))).toBe(1n);
      expect(await db().write(`${stream}x`, counted(2))).toBe(0n);
    });

    it("takes names without a hyphen, empty ones and any Unicode", async () => {
      for (const stream of [uniqueCategory("bare"), `${uniqueCategory("空白 ")}-😀+é`]) {
        expect(await db().write(stream, counted(0))).toBe(0n);
        expect((await db().readLastMessage(stream))?.stream).toBe(stream);
      }
      const before = await db().streamVersion("");
      expect(await db().write("", { type: "" })).toBe((before ?? -1n) + 1n);
    });

    // 8
    it("succeeds when the stream is at the expected version", async () => {
      const stream = `${uniqueCategory("expected")}-1`;
      await fill(db(), stream, 2);
      expect(await db().write(stream, counted(2), { expectedVersion: 1n })).toBe(2n);
    });

    // 9
    everywhere("fails when the stream is at another version, says at which, and writes nothing", async () => {
      const stream = `${uniqueCategory("mismatch")}-1`;
      await fill(db(), stream, 3);
      const error = await errorOf(db().write(stream, counted(3), { expectedVersion: 1n }));
      expect(error).toMatchObject({ name: "WrongExpectedVersionError", code: "conflict", applied: "no", stream, expected: 1n, actual: 2n });
      expect(error.message).toBe(`Stream ${JSON.stringify(stream)} is at version 2, expected 1`);
      expect(await db().streamVersion(stream)).toBe(2n);
    });

    // 9
    it("fails on an empty stream when a version is expected", async () => {
      const stream = `${uniqueCategory("empty")}-1`;
      const error = await errorOf(db().write(stream, counted(0), { expectedVersion: 1n }));
      expect(error).toMatchObject({ name: "WrongExpectedVersionError", expected: 1n, actual: undefined });
    });

    // 10
    it("with `no_stream` succeeds on an empty stream alone", async () => {
      const stream = `${uniqueCategory("none")}-1`;
      expect(await db().write(stream, counted(0), { expectedVersion: "no_stream" })).toBe(0n);
      const error = await errorOf(db().write(stream, counted(0), { expectedVersion: "no_stream" }));
      expect(error).toMatchObject({ name: "WrongExpectedVersionError", expected: "no_stream", actual: 0n });
    });

    // 11
    everywhere("refuses an id that the store has, in whatever stream", async () => {
      const name = uniqueCategory("duplicate");
      const id = uniqueId();
      await db().write(`${name}-1`, { ...counted(0), id });
      for (const stream of [`${name}-1`, `${name}-2`]) {
        const error = await errorOf(db().write(stream, { ...counted(0), id }));
        expect(error).toMatchObject({ name: "DuplicateMessageError", code: "conflict", applied: "no", id });
      }
      expect(await db().streamVersion(`${name}-2`)).toBeUndefined();
    });

    it("takes any usual spelling of a uuid, and gives it back in lower case with hyphens", async () => {
      const name = uniqueCategory("spelling");
      const id = uniqueId();
      await db().write(`${name}-1`, { type: "A", id: `{${id.toUpperCase()}}` });
      expect((await db().readLastMessage(`${name}-1`))?.id).toBe(id);
    });

    // 12
    it("refuses an id that is no uuid, before anything is sent", async () => {
      const error = await errorOf(db().write(uniqueCategory("id"), { type: "A", id: "not-a-uuid" }));
      expect(error).toMatchObject({ code: "invalid_argument", message: "`message.id` must be a uuid, got a string" });
    });

    // 35
    it("refuses the character U+0000, wherever it stands", async () => {
      const stream = `${uniqueCategory("nul")}-1`;
      for (const write of [
        () => db().write(`${stream}\u0000`, { type: "A" }),
        () => db().write(stream, { type: "A\u0000" }),
        () => db().write(stream, { type: "A", data: { text: "\u0000" } }),
        () => db().write(stream, { type: "A", metadata: { text: "\u0000" } }),
      ]) {
        const error = await errorOf(write());
        expect(error).toMatchObject({ code: "invalid_argument", applied: "no" });
      }
      expect(await db().streamVersion(stream)).toBeUndefined();
    });

    it("refuses a stream name that an index cannot hold", async () => {
      let name = uniqueCategory("long");
      while (name.length < 20_000) name += uniqueId();
      expect(await errorOf(db().write(name, { type: "A" }))).toMatchObject({ code: "invalid_argument", applied: "no" });
    });

    // 13
    if (onFresh !== undefined) {
      it("uses up no global position when the expected version is wrong", onFresh(async (fresh) => {
        await fresh.write("gap-1", counted(0));
        await errorOf(fresh.write("gap-1", counted(1), { expectedVersion: 5n }));
        await fresh.write("gap-1", counted(1));
        expect((await fresh.readStream("gap-1").toArray()).map(({ globalPosition }) => globalPosition)).toEqual([1n, 2n]);
      }));
    }

    // 39
    it("of twenty at once with the same expected version one wins", async () => {
      const stream = `${uniqueCategory("race")}-1`;
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => db().write(stream, counted(n), { expectedVersion: "no_stream" })));
      const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
      expect(lost).toHaveLength(19);
      for (const error of lost) expect(error).toMatchObject({ name: "WrongExpectedVersionError", actual: 0n });
      expect(await db().streamVersion(stream)).toBe(0n);
    });

    it("of ten at once without one all are written, one after the other", async () => {
      const stream = `${uniqueCategory("many")}-1`;
      const written = await Promise.all(Array.from({ length: 10 }, (_, n) => db().write(stream, counted(n))));
      expect(written.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 10 }, (_, n) => BigInt(n)));
    });

    // 39
    if (concurrent) {
      it("waits for another writer of its category, and for none of another category", async () => {
        const name = uniqueCategory("held");
        const holder = await session();
        try {
          await holder.query("BEGIN");
          await holder.query("SELECT write_message($1::text, $2::text, 'Held', '{}'::jsonb)", [uniqueId(), `${name}-1`]);
          const order: string[] = [];
          const same = db().write(`${name}-2`, counted(0)).then(() => order.push("same"));
          await db().write(`${name}x-1`, counted(0));
          order.push("other");
          await holder.query("COMMIT");
          await same;
          expect(order).toEqual(["other", "same"]);
        } finally {
          await holder.close();
        }
      });
    }
  });

  describe("writeBatch()", () => {
    // 36
    everywhere("returns the last position and writes in the order given, without gaps", async () => {
      const stream = `${uniqueCategory("batch")}-1`;
      expect(await db().writeBatch(stream, [counted(0), counted(1), counted(2)])).toBe(2n);
      expect(await db().writeBatch(stream, [counted(3)])).toBe(3n);
      const written = await db().readStream(stream).toArray();
      expect(values(written)).toEqual([0, 1, 2, 3]);
      expect(positions(written)).toEqual([0n, 1n, 2n, 3n]);
    });

    it("looks for the expected version before the first message", async () => {
      const stream = `${uniqueCategory("batch")}-1`;
      await db().writeBatch(stream, [counted(0), counted(1)], { expectedVersion: "no_stream" });
      await db().writeBatch(stream, [counted(2), counted(3)], { expectedVersion: 1n });
      const error = await errorOf(db().writeBatch(stream, [counted(4), counted(5)], { expectedVersion: 1n }));
      expect(error).toMatchObject({ name: "WrongExpectedVersionError", expected: 1n, actual: 3n });
      expect(await db().streamVersion(stream)).toBe(3n);
    });

    // 36
    everywhere("of 1 000 messages writes none when the 700th fails, and all when none does", async () => {
      const name = uniqueCategory("thousand");
      const taken = uniqueId();
      await db().write(`${name}-taken`, { type: "A", id: taken });
      const messages = Array.from({ length: 1_000 }, (_, n) => (n === 699 ? { ...counted(n), id: taken } : counted(n)));
      expect(await errorOf(db().writeBatch(`${name}-1`, messages))).toMatchObject({ name: "DuplicateMessageError", applied: "no", id: taken });
      expect(await db().streamVersion(`${name}-1`)).toBeUndefined();
      messages[699] = counted(699);
      expect(await db().writeBatch(`${name}-1`, messages)).toBe(999n);
      expect(values(await db().readStream(`${name}-1`).toArray())).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    });

    // 36
    it("refuses an empty batch and one with the same id twice, before anything is sent", async () => {
      const id = uniqueId();
      const empty = await errorOf(db().writeBatch(uniqueCategory("batch"), []));
      expect(isMillraceError(empty, "invalid_argument")).toBe(true);
      const twice = await errorOf(db().writeBatch(uniqueCategory("batch"), [{ type: "A", id }, { type: "B", id: id.toUpperCase() }]));
      expect(twice.message).toBe("`messages[1].id` must be the id of no other message, got a string");
    });
  });
}
