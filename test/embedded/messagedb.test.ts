import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageDb } from "millrace/messagedb";
import { startEmbedded, type Embedded } from "millrace-server/embedded";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockFolder } from "../../server/embedded/messagedb/folder-lock.js";
import { keptDump } from "../../server/embedded/messagedb/kept-dump.js";
import { openEmbeddedMessageDb } from "../../server/embedded/messagedb/store.js";

let folder: string;

beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), "millrace-embedded-")); });
afterAll(() => rm(folder, { recursive: true, force: true }));

const clientOf = ({ fetch }: Embedded): MessageDb => new MessageDb({ url: "http://embedded", fetch });

describe("startEmbedded() with Message DB", { timeout: 60_000 }, () => {
  it("keeps nothing in memory for the next, and refuses a folder that it has no use for", async () => {
    const first = await startEmbedded({ systems: ["messagedb"] });
    expect(await clientOf(first).write("memory-1", { type: "A" })).toBe(0n);
    await first.close();
    await first.close();
    const second = await startEmbedded({ systems: ["umadb", "messagedb"] });
    expect(await clientOf(second).streamVersion("memory-1")).toBeUndefined();
    await second.close();
    await expect(startEmbedded({ dataDir: folder })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("wakes a subscription when something is written, long before it would ask by itself", async () => {
    const embedded = await startEmbedded({ systems: ["messagedb"] });
    const db = clientOf(embedded);
    const subscription = db.subscribe("woken");
    const messages = subscription[Symbol.asyncIterator]();
    const delays: number[] = [];
    for (let n = 0; n < 10; n++) {
      const next = messages.next();
      await expect.poll(() => subscription.state.kind, { timeout: 10_000 }).toBe("live");
      const began = performance.now();
      await db.write("woken-1", { type: "A" });
      expect((await next).done).toBe(false);
      delays.push(performance.now() - began);
    }
    // It asks every second: ten times it would have waited five in all.
    expect(delays.reduce((sum, ms) => sum + ms)).toBeLessThan(2_500);
    await db.close();
    await embedded.close();
  });

  it("lets a browser keep a full page only as long as the store says that it still holds", async () => {
    const embedded = await startEmbedded({ systems: ["messagedb"] });
    const db = clientOf(embedded);
    await db.write("page-1", { type: "A" });
    const url = "http://embedded/messagedb/v1/read?name=page-1&start=0&limit=1";
    const page = await embedded.fetch(url);
    expect(page.headers.get("cache-control")).toBe("private, no-cache");
    const etag = page.headers.get("etag") ?? "";
    expect((await embedded.fetch(url, { headers: { "if-none-match": etag } })).status).toBe(304);
    await db.close();
    await embedded.close();
  });

  it("keeps a folder's messages, opens it once at a time, and takes over what a process left that is gone", async () => {
    const dataDir = join(folder, "kept");
    const options = { systems: ["messagedb"], dataDir } as const;
    const first = await startEmbedded(options);
    await clientOf(first).write("kept-1", { type: "A", data: { n: 1 } });
    await expect(startEmbedded(options)).rejects.toMatchObject({ code: "unavailable", message: `Process ${process.pid} has this Message DB open; if it is no such server, remove ${join(dataDir, "messagedb.lock")}` });
    await first.close();
    expect(await readdir(dataDir)).toEqual(["messagedb"]);
    // No process has this number: they end below it.
    await writeFile(join(dataDir, "messagedb.lock"), String(2 ** 30));
    const second = await startEmbedded(options);
    expect(await clientOf(second).readStream("kept-1").toArray()).toMatchObject([{ data: { n: 1 } }]);
    await second.close();
  });

  it("has a session that may write and read, and nothing else", async () => {
    const { sql, close } = await openEmbeddedMessageDb();
    for (const text of ["TRUNCATE message_store.messages", "DELETE FROM message_store.messages", "UPDATE message_store.messages SET type = 'B'", "CREATE TABLE message_store.other (a int)"]) {
      await expect(sql.query(text, [])).rejects.toMatchObject({ code: "42501" });
    }
    await close();
  });
});

describe("lockFolder()", () => {
  it("refuses a folder that another process has", async () => {
    const lock = join(folder, "other.lock");
    // The process that started this one.
    await writeFile(lock, String(process.ppid));
    await expect(lockFolder(lock)).rejects.toThrow(`Process ${process.ppid} has this Message DB open`);
    expect(await readFile(lock, "utf8")).toBe(String(process.ppid));
  });

  it("takes over the lock of a process that had this one's number", async () => {
    const lock = join(folder, "own.lock");
    await writeFile(lock, String(process.pid));
    const release = await lockFolder(lock);
    await expect(lockFolder(lock)).rejects.toThrow("has this Message DB open");
    await release();
    await (await lockFolder(lock))();
  });
});

describe("keptDump()", () => {
  it("builds once, and then reads what was kept", async () => {
    const before = process.env["XDG_CACHE_HOME"];
    process.env["XDG_CACHE_HOME"] = join(folder, "cache");
    try {
      let built = 0;
      const build = async (): Promise<Blob> => new Blob([`dump ${++built}`]);
      for (let n = 0; n < 2; n++) expect(await (await keptDump("a-dump", build)).text()).toBe("dump 1");
      expect(await readdir(join(folder, "cache/millrace"))).toEqual(["a-dump"]);
      expect(await (await keptDump("another-dump", build)).text()).toBe("dump 2");
    } finally {
      if (before === undefined) delete process.env["XDG_CACHE_HOME"];
      else process.env["XDG_CACHE_HOME"] = before;
    }
  });

  it("builds each time where nothing can be kept", async () => {
    const before = process.env["XDG_CACHE_HOME"];
    process.env["XDG_CACHE_HOME"] = "/dev/null";
    try {
      let built = 0;
      for (let n = 1; n <= 2; n++) expect(await (await keptDump("a-dump", async () => new Blob([`dump ${++built}`]))).text()).toBe(`dump ${n}`);
    } finally {
      if (before === undefined) delete process.env["XDG_CACHE_HOME"];
      else process.env["XDG_CACHE_HOME"] = before;
    }
  });
});
