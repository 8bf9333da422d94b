import { MessageDbDirect } from "millrace/messagedb/direct";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startAnswerCutter, type AnswerCutter } from "../support/answer-cutter.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";

let server: PostgresServer;
let cutter: AnswerCutter;
let db: MessageDbDirect;
let streams = 0;
let stream = "";

beforeAll(async () => {
  server = await startPostgres();
  cutter = await startAnswerCutter(server.port);
  db = new MessageDbDirect({ url: `postgres://message_store@127.0.0.1:${cutter.port}/message_store`, maxConnections: 1 });
}, 60_000);

beforeEach(async () => {
  stream = `lost-${++streams}`;
  // The statement is prepared before anything is cut, so that what is cut is its run.
  await db.write(`${stream}x`, { type: "A" });
});

afterAll(async () => {
  await db?.close();
  await cutter?.close();
  await server?.close();
});

const stored = (): Promise<Record<string, unknown>[]> => server.admin(`SELECT position, id FROM messages WHERE stream_name = '${stream}' ORDER BY position`);

describe("a write whose answer is lost", () => {
  it("is found by its id, and not written again", async () => {
    const before = cutter.cuts;
    cutter.cutAnswer();
    expect(await db.write(stream, { type: "Once", data: { n: 1.5, nested: { b: 1, a: [null] } }, metadata: {} })).toBe(0n);
    expect(cutter.cuts).toBe(before + 1);
    expect(await stored()).toHaveLength(1);
  });

  it("is found also when it expected a version, at which the stream is no longer", async () => {
    cutter.cutAnswer();
    expect(await db.write(stream, { type: "Once" }, { expectedVersion: "no_stream" })).toBe(0n);
    expect(await stored()).toHaveLength(1);
  });

  it("is found as a whole when it was a batch", async () => {
    cutter.cutAnswer();
    expect(await db.writeBatch(stream, Array.from({ length: 100 }, (_, n) => ({ type: "Once", data: { n } })))).toBe(99n);
    expect(await stored()).toHaveLength(100);
  });

  it("is written when it did not get there", async () => {
    cutter.cutRequest();
    expect(await db.write(stream, { type: "Once" })).toBe(0n);
    expect(await stored()).toHaveLength(1);
  });

  it("is a conflict when its id is another message's, and nothing is written", async () => {
    const [{ id } = { id: "" }] = await server.admin(`SELECT id FROM messages WHERE stream_name = '${stream}x'`);
    cutter.cutAnswer();
    await expect(db.write(stream, { type: "Other", id: String(id) })).rejects.toMatchObject({ name: "DuplicateMessageError", applied: "no", id });
    expect(await stored()).toEqual([]);
  });

  it("is a conflict when the version that it expected was never there", async () => {
    cutter.cutAnswer();
    await expect(db.write(stream, { type: "Once" }, { expectedVersion: 7n })).rejects.toMatchObject({ name: "WrongExpectedVersionError", applied: "no", expected: 7n, actual: undefined });
  });

  it("says that it may have been written when nobody tries again", async () => {
    const once = new MessageDbDirect({ url: `postgres://message_store@127.0.0.1:${cutter.port}/message_store`, maxConnections: 1, retry: false });
    await once.write(`${stream}y`, { type: "A" });
    cutter.cutAnswer();
    await expect(once.write(stream, { type: "Once" })).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
    expect(await stored()).toHaveLength(1);
    await once.close();
  });

  it("says so too when its time is up, or its client is closed", async () => {
    for (const end of [{ timeoutMs: 50 }, {}]) {
      const client = new MessageDbDirect({ url: server.url(), maxConnections: 1 });
      await server.admin("SELECT 1");
      const holder = server.admin("BEGIN; LOCK TABLE messages IN SHARE MODE; SELECT pg_sleep(0.5); COMMIT");
      await expect.poll(() => server.admin("SELECT 1 FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'messages'::regclass")).toHaveLength(1);
      const writing = client.write(stream, { type: "Late" }, end);
      const outcome = expect(writing).rejects.toMatchObject({ code: "timeoutMs" in end ? "timeout" : "unavailable", applied: "unknown" });
      if (!("timeoutMs" in end)) await client.close();
      await outcome;
      await holder;
      await client.close();
    }
  });
});

describe("a read whose answer is lost", () => {
  it("is asked again", async () => {
    await db.write(stream, { type: "A" });
    await db.readStream(stream).toArray();
    cutter.cutAnswer();
    expect(await db.readStream(stream).toArray()).toHaveLength(1);
  });
});
