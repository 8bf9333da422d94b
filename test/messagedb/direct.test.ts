import { inspect } from "node:util";
import { MessageDbDirect, type DirectReadOptions, type MessageDbDirectOptions } from "millrace/messagedb/direct";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { postgresSession } from "../support/postgres-session.js";

let server: PostgresServer;
let db: MessageDbDirect;

beforeAll(async () => {
  server = await startPostgres();
  db = new MessageDbDirect({ url: server.url() });
}, 60_000);

afterAll(async () => {
  await db?.close();
  await server?.close();
});

describe("new MessageDbDirect()", () => {
  it.each<[string, object, string]>([
    ["neither url nor sql", {}, "Exactly one of `url` and `sql` must be given"],
    ["both url and sql", { url: "postgres://a", sql: { unsafe() {} } }, "Exactly one of `url` and `sql` must be given"],
    ["an option that is none", { url: "postgres://a", password: "sekret" }, "`password` is no option"],
    ["a url of another kind", { url: 1 }, "`url` must be a string or a URL, got a number"],
    ["a time that is none", { url: "postgres://a", timeoutMs: -1 }, "`timeoutMs` must be an integer"],
    ["a JSON format without functions", { url: "postgres://a", json: {} }, "`json` must have the functions parse() and stringify()"],
    ["connections of an instance that is given", { sql: { unsafe() {} }, maxConnections: 1 }, "`maxConnections` must be given with `url` only"],
    ["a policy that is none", { url: "postgres://a", retry: { tries: 1 } }, "`retry.tries` is no option"],
    ["no pause between two questions", { url: "postgres://a", pollMs: 0 }, "`pollMs` must be an integer from 1"],
  ])("refuses %s", (_, options, message) => {
    expect(() => new MessageDbDirect(options as MessageDbDirectOptions)).toThrow(message);
  });

  it("leaves an instance that is given to its maker", async () => {
    const sql = postgres(server.url(), { max: 1, connection: { search_path: "message_store" } });
    const client = new MessageDbDirect({ sql });
    expect(await client.write("given-1", { type: "A" })).toBe(0n);
    await client.close();
    await client.close();
    await expect(client.streamVersion("given-1")).rejects.toMatchObject({ code: "unavailable", message: "The client is closed" });
    expect([...await sql`SELECT 1 AS one`]).toEqual([{ one: 1 }]);
    await sql.end();
  });
});

describe("read({ sql })", () => {
  const read = (name: string, options: DirectReadOptions): Promise<unknown[]> => db.read(name, options).toArray();

  beforeAll(async () => {
    await db.writeBatch("custom-1", Array.from({ length: 5 }, (_, n) => ({ type: `T${n}`, data: { n }, metadata: { $stream: "custom-1" } })));
    await db.write("custom-2", { type: "Other", data: { n: 100 } });
  });

  it("runs the query with what it names bound, and reads its rows in its order", async () => {
    const sql = "SELECT * FROM messages WHERE stream_name = $stream AND position >= $position ORDER BY position DESC LIMIT $limit";
    expect(await read("custom-1", { sql, start: 1n, limit: 2 })).toMatchObject([{ position: 4n, data: { n: 4 } }, { position: 3n, metadata: { $stream: "custom-1" } }]);
    expect(await read("custom-1", { sql, limit: Infinity })).toHaveLength(5);
  });

  it("takes what Message DB's functions give, whose data is text", async () => {
    const sql = "SELECT * FROM get_category_messages($stream, $position, $limit, NULL, $member, $size);".replace(";", "");
    expect(await read("custom", { sql, consumerGroup: { member: 0, size: 1 } })).toHaveLength(6);
  });

  it("leaves alone what looks like a name in strings, quoted names, comments and dollar quotes", async () => {
    const sql = `SELECT m.*, '$stream' AS "$position", E'it\\'s $size' AS more, $$ $member $$ AS dollars, $tag$ $limit $tag$ AS tagged /* $nothing */
      FROM messages m WHERE metadata ->> '$stream' = $stream -- $else`;
    expect(await read("custom-1", { sql })).toHaveLength(5);
  });

  it("takes a name for data, whatever it says", async () => {
    const sql = "SELECT * FROM messages WHERE stream_name = $stream";
    expect(await read("custom-1' OR 'a' = 'a", { sql })).toEqual([]);
  });

  it("refuses a query without the columns of a message, and names those that are missing", async () => {
    await expect(read("custom-1", { sql: "SELECT id, type, position, global_position, time FROM messages" })).rejects.toMatchObject({
      code: "invalid_argument", message: "The query must give the columns id, stream_name, type, position, global_position, data, metadata, time; missing are stream_name, data, metadata",
    });
  });

  it("refuses a name that is none of its parameters, before anything is sent", async () => {
    await expect(read("custom-1", { sql: "SELECT * FROM messages WHERE stream_name = $name" })).rejects.toMatchObject({
      code: "invalid_argument", message: "The query names `$name`, known are $stream, $position, $limit, $member, $size",
    });
  });

  it("can neither write nor be two queries", async () => {
    const rows = "INSERT INTO messages (stream_name, type, position) VALUES ('evil-1', 'A', 0) RETURNING *";
    for (const sql of [rows, `SELECT * FROM messages; ${rows}`, `SELECT * FROM messages) AS a; ${rows}; SELECT * FROM (SELECT * FROM messages`]) {
      await expect(read("custom-1", { sql })).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(await db.streamVersion("evil-1")).toBeUndefined();
  });
});

describe("what the database says", () => {
  it("is that a value is nested too deeply", async () => {
    const text = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    const deep = new MessageDbDirect({ url: server.url(), json: { parse: JSON.parse, stringify: () => text } });
    await expect(deep.write("deep-1", { type: "T", data: [] })).rejects.toMatchObject({ code: "invalid_argument", applied: "no", message: "One of the values is nested too deeply (54001)" });
    await deep.close();
  });

  it("is that Message DB is missing, where it is, or where no search_path leads to it", async () => {
    const away = new MessageDbDirect({ url: server.url({ database: "postgres" }) });
    const astray = postgres(server.url({ user: "postgres" }), { connection: { search_path: "public" } });
    const message = expect.stringContaining("Message DB was not found: is it installed in this database, and is message_store in the search_path") as unknown;
    await expect(away.messageStoreVersion()).rejects.toMatchObject({ code: "unsupported", message });
    await expect(new MessageDbDirect({ sql: astray }).write("a-1", { type: "A" })).rejects.toMatchObject({ code: "unsupported", applied: "no", message });
    await Promise.all([away.close(), astray.end()]);
  });

  it("is that the database does not exist, where it does not", async () => {
    const client = new MessageDbDirect({ url: server.url({ database: "nowhere" }) });
    await expect(client.messageStoreVersion()).rejects.toMatchObject({ code: "unsupported", message: "The database does not exist (3D000)" });
    await client.close();
  });

  it("is a conflict when somebody who takes no lock took the position", async () => {
    const holder = await postgresSession(server.url());
    await holder.query("BEGIN");
    await holder.query("INSERT INTO messages (stream_name, type, position) VALUES ('unlocked-1', 'A', 0)");
    const outcome = expect(db.write("unlocked-1", { type: "B" }, { expectedVersion: "no_stream" })).rejects.toMatchObject({ name: "WrongExpectedVersionError", actual: 0n });
    await expect.poll(() => server.admin("SELECT 1 FROM pg_locks WHERE NOT granted")).toHaveLength(1);
    await holder.query("COMMIT");
    await outcome;
    await holder.close();
  });

  it("is passed on without data, SQL or anything of the connection", async () => {
    const canary = "canary-in-the-data";
    const client = new MessageDbDirect({ url: server.url().replace("message_store@", "message_store:canary-password@") });
    const causes = [
      () => client.write("canary-1", { type: "A", data: { [canary]: "\u0000" } }),
      () => client.write("canary-1", { type: "A", data: canary, id: "00000000-0000-4000-8000-000000000000" }),
      () => client.write("canary-1", { type: "A", data: canary, id: "00000000-0000-4000-8000-000000000000" }),
      () => client.read("canary-1", { sql: `SELECT '${canary}'::int AS id` }).toArray(),
    ];
    const errors = (await Promise.allSettled(causes.map((cause) => cause()))).flatMap((outcome) => (outcome.status === "rejected" ? [inspect(outcome.reason, { depth: 9, showHidden: true })] : []));
    expect(errors).toHaveLength(3);
    for (const text of errors) expect(text).not.toMatch(/canary-in|canary-password|SELECT|write_message|127\.0\.0\.1/);
    await client.close();
  });
});

describe("time", () => {
  it("is in UTC, whatever the time zone of the process, of the role and of the server", async () => {
    const before = process.env["TZ"];
    process.env["TZ"] = "America/Caracas";
    await server.admin("ALTER ROLE message_store SET timezone = 'Asia/Kathmandu'");
    const client = new MessageDbDirect({ url: server.url() });
    try {
      expect(new Date(0).getTimezoneOffset()).toBe(240);
      await client.write("zone-1", { type: "A" });
      const message = await client.readLastMessage("zone-1");
      const [row] = await server.admin("SELECT (extract(epoch FROM now()) * 1000000)::bigint - (extract(epoch FROM time) * 1000000)::bigint AS age, time::text FROM messages WHERE stream_name = 'zone-1'");
      expect(Math.abs(Number(row?.["age"]))).toBeLessThan(60_000_000);
      expect(message?.time.toISOString().slice(0, 23)).toBe(String(row?.["time"]).replace(" ", "T").padEnd(23, "0").slice(0, 23));
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
      await server.admin("ALTER ROLE message_store RESET timezone");
      await client.close();
    }
  });
});

describe("the setting that lets conditions in SQL in", () => {
  it("is off on every connection of ours, and off again after a transaction that set it", async () => {
    const client = postgres(server.url(), { max: 1, connection: { search_path: "message_store", "message_store.sql_condition": "off" } });
    await client.begin(async (sql) => { await sql.unsafe("SET LOCAL message_store.sql_condition = 'on'"); });
    expect([...await client`SELECT current_setting('message_store.sql_condition') AS setting`]).toEqual([{ setting: "off" }]);
    await client.end();
    expect(await db.read("any", { sql: "SELECT m.* FROM messages m WHERE current_setting('message_store.sql_condition') <> 'off'" }).toArray()).toEqual([]);
    expect((await db.read("any", { sql: "SELECT m.* FROM messages m WHERE current_setting('message_store.sql_condition') = 'off'" }).toArray()).length).toBeGreaterThan(0);
  });
});
