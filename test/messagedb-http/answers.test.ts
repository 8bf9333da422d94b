import { describe, expect, it } from "vitest";
import { isMillraceError } from "millrace";
import { MessageDb } from "millrace/messagedb";

const ROW = ["0190a8f2-0000-7000-8000-000000000001", "a-1", "T", "0", "1", "{}", null, "1"];

function answering(text: string, json?: { parse(text: string): unknown; stringify(value: unknown): string }): MessageDb {
  return new MessageDb({ url: "http://127.0.0.1:1", json, retry: false, fetch: () => Promise.resolve(new Response(text)) });
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

describe("answers that cannot be understood", () => {
  it.each([1, 1_000])("a read ends with what its json.parse() throws, and not as if nothing were stored (%i messages)", async (count) => {
    const parse = (): never => { throw new Error("not mine"); };
    const rows = Array.from({ length: count }, () => ROW);
    const db = answering(JSON.stringify({ messages: rows }), { parse, stringify: JSON.stringify });
    await expect(db.readStream("a-1").toArray()).rejects.toThrow("not mine");
    await db.close();
  });

  it.each(["null", "[]", "{}", "7", '{"messages":7,"position":[],"version":1,"ids":{},"rows":[1],"message":"x"}', "<html>"])("no call takes %s for an answer, and a write says that its outcome is unknown", async (answer) => {
    const db = answering(answer);
    const calls = [
      db.readStream("a-1").toArray(), db.readLastMessage("a-1"), db.streamVersion("a-1"), db.streamIdentifiers("a"),
      db.streamSummary(), db.messageStoreVersion(), db.query("own"),
    ];
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ name: "MillraceError", code: "protocol", applied: "no" });
    expect(await failureOf(db.write("a-1", { type: "T", data: {} }))).toMatchObject({ code: "protocol", applied: "unknown" });
    await db.close();
  });

  it.each(["{}", "null", '{"code":"conflict","message":"x","actual":"no number"}'])("a subscription ends with an error where its own is %s", async (error) => {
    const db = answering(`{"s":1,"error":${error}}\n`);
    const failure = await failureOf(db.subscribe("a")[Symbol.asyncIterator]().next());
    expect(isMillraceError(failure) || failure instanceof SyntaxError, String(failure)).toBe(true);
    await db.close();
  });
});
