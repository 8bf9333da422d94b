import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGateway } from "millrace-server/gateway";
import { gatewaySettings } from "../../server/cli/gateway-settings.js";
import { parseGatewayFlags } from "../../server/cli/gateway-flags.js";
import { freePort } from "../support/free-port.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(() => postgres.close());

async function checked(url: string): Promise<string> {
  const gateway = createGateway({ upstreams: { messagedb: { url } }, allowAll: true });
  try {
    await gateway.check();
    return "fit";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  } finally {
    await gateway.close();
  }
}

describe("a gateway in front of Message DB", () => {
  it("is fit as the role message_store, and as a member and a superuser, who become that role", async () => {
    await postgres.admin("CREATE ROLE member LOGIN IN ROLE message_store");
    for (const user of ["message_store", "member", "postgres"]) expect(await checked(postgres.url({ user }))).toBe("fit");
  });

  it("says what its operator must change", async () => {
    await postgres.admin("CREATE ROLE stranger LOGIN");
    await postgres.admin("CREATE DATABASE empty_one", "postgres");
    await postgres.createDatabase("old_one");
    await postgres.admin("CREATE OR REPLACE FUNCTION message_store.message_store_version() RETURNS varchar AS $$ BEGIN RETURN '1.2.6'; END; $$ LANGUAGE plpgsql", "old_one");
    expect(await checked(postgres.url({ user: "stranger" }))).toMatch(/^unsupported: .*GRANT message_store/);
    expect(await checked(postgres.url({ database: "empty_one" }))).toMatch(/^unsupported: Message DB was not found/);
    expect(await checked(postgres.url({ database: "old_one" }))).toBe("unsupported: Message DB 1.3 or newer is needed, the database has 1.2.6");
    expect(await checked(postgres.url({ database: "no_such" }))).toMatch(/^unsupported: The database does not exist/);
    expect(await checked(`postgres://message_store@127.0.0.1:${await freePort()}/message_store`)).toMatch(/^unavailable: The database cannot be reached/);
  });

  it.each([
    ["neither url nor database", {}],
    ["another kind of database", { url: "mysql://canary@host/db" }],
    ["a mistyped setting", { url: "postgres://h/d", maxConnection: 1 }],
    ["no connections", { url: "postgres://h/d", maxConnections: 0 }],
    ["a query that is none", { url: "postgres://h/d", queries: { one: "" } }],
    ["a permission of the wrong kind", { url: "postgres://h/d", allow: { read: "yes" } }],
  ])("is refused with %s, and the address is not shown", (_what, messagedb) => {
    expect(() => createGateway({ upstreams: { messagedb: messagedb as object }, allowAll: true })).toThrow(/upstreams\.messagedb/);
    expect(() => createGateway({ upstreams: { messagedb: messagedb as object }, allowAll: true })).not.toThrow(/canary/);
  });

  it("is configured by --messagedb, or by the file, which may leave the address to the environment", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-config-"));
    const config = join(folder, "gateway.yaml");
    await writeFile(config, "allowAll: true\nupstreams:\n  messagedb:\n    urlEnv: THE_URL\n    pollMs: 50\n    queries: { newest: SELECT 1 }\n");
    const flags = ["--config", config];
    expect(gatewaySettings(parseGatewayFlags(flags), { THE_URL: "postgres://h/d" }).options.upstreams.messagedb).toMatchObject({ url: "postgres://h/d", pollMs: 50, queries: { newest: "SELECT 1" } });
    expect(() => gatewaySettings(parseGatewayFlags(flags), {})).toThrow(/THE_URL is not set/);
    await rm(folder, { recursive: true });
    expect(gatewaySettings(parseGatewayFlags(["--allow-all", "--messagedb", "postgres://h/d"]), {}).options.upstreams).toEqual({ messagedb: { url: "postgres://h/d" } });
    expect(() => gatewaySettings(parseGatewayFlags(["--allow-all", "--messagedb", "h:5432"]), {})).toThrow(/^--messagedb must be a URL/);
  });
});
