import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { MessageDb, type Message } from "millrace/messagedb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveWorker } from "../../scripts/tests/serve-worker.mjs";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { serveMessageDb, type ProxyServer } from "./proxy-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let postgres: PostgresServer;
let proxy: ProxyServer;
let folder: string;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await serveMessageDb({ url: postgres.url() });
  folder = await mkdtemp(join(tmpdir(), "millrace-workerd-"));
}, 60_000);

afterAll(async () => {
  for (const end of ends) await end();
  await proxy.close();
  await postgres.close();
  await rm(folder, { recursive: true });
});

/** Bundles a worker and serves it. @returns Its address. */
async function serve(name: string, contents: string, flags: readonly string[] = []): Promise<string> {
  const outfile = join(folder, name, "worker.mjs");
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    outfile, bundle: true, format: "esm", target: "es2022", conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*"], logLevel: "warning",
    alias: { "millrace/messagedb": `${root}src/messagedb/index.ts`, "millrace/internal": `${root}src`, millrace: `${root}src/index.ts` },
  });
  const { url, close } = await serveWorker(root, outfile, flags);
  ends.push(close);
  return url;
}

describe("Message DB in workerd", () => {
  it("MessageDb writes, reads and follows there without any of Node's modules", async () => {
    const url = await serve("client", `
      import { MessageDb, positionStore } from "millrace/messagedb";
      export default { async fetch() {
        const db = new MessageDb({ url: ${JSON.stringify(proxy.url)} });
        await db.writeBatch("worker-1", [{ type: "A", data: { n: 1 } }, { type: "B" }]);
        const read = await db.readStream("worker-1").toArray();
        const followed: string[] = [];
        const subscription = db.subscribe("worker", { positionStore: positionStore(db, "worker"), positionUpdateInterval: 2 });
        for await (const { type } of subscription) {
          followed.push(type);
          if (followed.length === 2) await db.write("worker-2", { type: "C" });
          if (followed.length === 3) break;
        }
        const recorded = (await db.readLastMessage("worker:position"))?.data;
        await db.close();
        return Response.json({ read: read.map(({ type }) => type), followed, recorded, bare: typeof process });
      } };`);
    const answer = await fetch(url);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ read: ["A", "B"], followed: ["A", "B", "C"], recorded: { position: 2 }, bare: "undefined" });
  }, 30_000);

  it("the proxy serves there against PostgreSQL, each request by itself", async () => {
    await postgres.admin("CREATE ROLE edge LOGIN IN ROLE message_store");
    const url = await serve("proxy", `
      import { createEdgeGateway } from "./server/gateway/edge.ts";
      export default { fetch: createEdgeGateway(() => ({
        messagedb: { url: ${JSON.stringify(postgres.url({ user: "edge" }))}, allow: { read: true, write: true } },
        hosts: ["127.0.0.1"],
      })) };`, ["nodejs_compat"]);
    const db = new MessageDb({ url });
    // The second request comes after the first has ended: nothing that it opened may be used again.
    expect(await db.write("edge-1", { type: "A" })).toBe(0n);
    expect(await db.write("edge-1", { type: "B" }, { expectedVersion: 0n })).toBe(1n);
    await expect(db.write("edge-1", { type: "X" }, { expectedVersion: 0n })).rejects.toMatchObject({ name: "WrongExpectedVersionError", actual: 1n });
    expect((await db.readStream("edge-1").toArray()).map(({ type }) => type)).toEqual(["A", "B"]);
    const subscriptions = ["edge", "edge-1", "$all"].map((name) => db.subscribe(name, { after: "end" }));
    await Promise.all(subscriptions.map(({ opened }) => opened));
    const next = subscriptions.map((subscription) => subscription.values().next());
    await db.write("edge-1", { type: "C" });
    expect((await Promise.all(next)).map(({ value }) => (value as Message).type)).toEqual(["C", "C", "C"]);
    await db.close();
    const sessions = async (): Promise<unknown> => (await postgres.admin("SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'edge'"))[0]?.["n"];
    await expect.poll(sessions, { timeout: 10_000 }).toBe(0);
  }, 30_000);
});
