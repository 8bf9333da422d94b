import { MessageDb } from "millrace/messagedb";
import { startEmbedded, type Embedded } from "millrace-server/embedded";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { messageDbSpec } from "../spec/messagedb.js";

let embedded: Embedded;

beforeAll(async () => { embedded = await startEmbedded({ systems: ["messagedb"] }); }, 120_000);
afterAll(() => embedded?.close());

messageDbSpec({
  name: "embedded in a page",
  open: (options) => new MessageDb({ url: "http://embedded", fetch: embedded.fetch, ...options }),
  concurrent: false,
});

describe("startEmbedded() in a page, with `dataDir`", () => {
  it("keeps what was written, and refuses to open it twice", async () => {
    const options = { systems: ["messagedb"], dataDir: `kept-${Math.random()}` } as const;
    const first = await startEmbedded(options);
    expect(await new MessageDb({ url: "http://embedded", fetch: first.fetch }).write("kept-1", { type: "Kept" })).toBe(0n);
    await expect(startEmbedded(options)).rejects.toMatchObject({ code: "unavailable", message: "Another tab has this Message DB open" });
    await first.close();
    const second = await startEmbedded(options);
    expect(await new MessageDb({ url: "http://embedded", fetch: second.fetch }).readLastMessage("kept-1")).toMatchObject({ type: "Kept", position: 0n });
    await second.close();
  }, 60_000);
});
