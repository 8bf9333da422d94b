import { isMillraceError } from "millrace";
import type { Message, NewMessage, ReadCategoryOptions, ReadOptions, ReadStreamOptions } from "millrace/messagedb";
import { MessageDbDirect, type PostgresJs } from "millrace/messagedb/direct";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";

// What the tests of message-db-py 0.3.4 show of their client, by their names, shown of ours. Where ours does something
// else on purpose, the test says what.

let server: PostgresServer;
let db: MessageDbDirect;

beforeAll(async () => {
  server = await startPostgres();
  db = new MessageDbDirect({ url: server.url() });
}, 60_000);

afterEach(async () => { await server.admin("TRUNCATE message_store.messages RESTART IDENTITY"); });

afterAll(async () => {
  await db?.close();
  await server?.close();
});

const event = (data: object, metadata?: object): NewMessage => ({ type: "Event1", data, ...(metadata && { metadata }) });
const read = (name: string, options?: ReadOptions): Promise<Message[]> => db.read(name, options).toArray();
const readStream = (stream: string, options?: ReadStreamOptions): Promise<Message[]> => db.readStream(stream, options).toArray();
const readCategory = (category: string, options?: ReadCategoryOptions): Promise<Message[]> => db.readCategory(category, options).toArray();
const member = (category: string, number: number, size: number): Promise<Message[]> => readCategory(category, { consumerGroup: { member: number, size } });

async function fill(stream: string, count: number, data: (n: number) => object): Promise<void> {
  for (let n = 0; n < count; n++) await db.write(stream, event(data(n)));
}

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    expect(isMillraceError(error, "invalid_argument")).toBe(true);
    return (error as Error).message;
  }
  throw new Error("Expected a refusal");
}

/** The connections that clients of these tests have to the database. */
async function connections(name = "millrace"): Promise<number> {
  return Number((await server.admin(`SELECT count(*) FROM pg_stat_activity WHERE application_name = '${name}'`))[0]?.["count"]);
}

/** Runs `test` with another client, told apart from the others by the name of its connections. */
async function withClient(options: { maxConnections?: number }, test: (client: MessageDbDirect, name: string) => Promise<void>): Promise<void> {
  const name = `test-${Math.random().toString(36).slice(2)}`;
  const client = new MessageDbDirect({ url: `${server.url()}?application_name=${name}`, ...options });
  try {
    await test(client, name);
  } finally {
    await client.close();
  }
}

describe("test_client.py", () => {
  it("client_construction_from_url", async () => {
    await withClient({}, async (client) => expect(await client.messageStoreVersion()).toBe("1.3.0"));
  });

  it("client_construction_from_args: a URL object, whose parts are the arguments", async () => {
    const url = new URL("postgresql://localhost/");
    Object.assign(url, { hostname: "127.0.0.1", port: String(server.port), username: "message_store", pathname: "/message_store" });
    const client = new MessageDbDirect({ url });
    expect(await client.messageStoreVersion()).toBe("1.3.0");
    await client.close();
  });

  it("reconnection_after_failure: without the caller's trying again", async () => {
    await withClient({ maxConnections: 1 }, async (client, name) => {
      await client.messageStoreVersion();
      await server.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${name}'`);
      expect(await client.read("testStream-123").toArray()).toEqual([]);
    });
  });
});

describe("test_connection.py", () => {
  it("constructing_connection_pool_from_url: nothing is connected yet", async () => {
    await withClient({ maxConnections: 3 }, async (_, name) => expect(await connections(name)).toBe(0));
  });

  it("error_on_invalid_url", async () => {
    expect(await refusal(() => new MessageDbDirect({ url: "foo://bar" }))).toBe("`url` must begin with postgres: or postgresql:, got a string");
  });

  it("error_on_invalid_role", async () => {
    const client = new MessageDbDirect({ url: server.url({ user: "foo" }) });
    await expect(client.messageStoreVersion()).rejects.toMatchObject({ code: "unauthenticated", message: "The database does not accept the credentials (28000)" });
    await client.close();
  });

  it("error_on_invalid_max_connections", async () => {
    for (const maxConnections of [-1, 0, 1.5]) expect(await refusal(() => new MessageDbDirect({ url: server.url(), maxConnections }))).toContain("`maxConnections`");
  });

  it("retrieving_connection_from_pool: a call opens one", async () => {
    await withClient({ maxConnections: 5 }, async (client, name) => {
      await client.messageStoreVersion();
      expect(await connections(name)).toBe(1);
    });
  });

  it("releasing_a_connection: the next call takes the same", async () => {
    await withClient({ maxConnections: 5 }, async (client, name) => {
      const pids = async (): Promise<unknown> => server.admin(`SELECT pid FROM pg_stat_activity WHERE application_name = '${name}'`);
      await client.messageStoreVersion();
      const before = await pids();
      await client.messageStoreVersion();
      expect(await pids()).toEqual(before);
    });
  });

  it.each(["connection_pool_initialization", "multiple_simultaneous_connections"])("%s: as many at once as asked for", async () => {
    await withClient({ maxConnections: 5 }, async (client, name) => {
      await Promise.all(Array.from({ length: 50 }, () => client.messageStoreVersion()));
      expect(await connections(name)).toBe(5);
    });
  });

  it("exceeding_connection_limit: calls wait for a connection, and none fails", async () => {
    await withClient({ maxConnections: 2 }, async (client, name) => {
      const versions = await Promise.all(Array.from({ length: 20 }, () => client.messageStoreVersion()));
      expect(new Set(versions)).toEqual(new Set(["1.3.0"]));
      expect(await connections(name)).toBe(2);
    });
  });

  it("release_invalid_connection: what is no instance of postgres.js is refused", async () => {
    expect(await refusal(() => new MessageDbDirect({ sql: {} as PostgresJs }))).toBe("`sql` must be an instance of postgres.js, got an object");
  });

  it("close_all_connections", async () => {
    await withClient({ maxConnections: 5 }, async (client, name) => {
      await Promise.all(Array.from({ length: 50 }, () => client.messageStoreVersion()));
      await client.close();
      await expect.poll(() => connections(name)).toBe(0);
    });
  });

  it("network_error_on_connection", async () => {
    const client = new MessageDbDirect({ url: `postgres://message_store@127.0.0.1:${await freePort()}/message_store`, retry: false });
    await expect(client.read("testStream-123").toArray()).rejects.toMatchObject({ code: "unavailable", applied: "no", message: "The database cannot be reached (ECONNREFUSED)" });
    await client.close();
  });

  it.each(["connection_pool_uses_threaded_pool", "concurrent_get_and_release"])("%s: eight callers share a client", async () => {
    await withClient({ maxConnections: 3 }, async (client) => {
      const callers = Array.from({ length: 8 }, async (_, caller) => {
        for (let n = 0; n < 5; n++) await client.write(`caller-${caller}`, event({ n }));
        return client.streamVersion(`caller-${caller}`);
      });
      expect(await Promise.all(callers)).toEqual(Array.from({ length: 8 }, () => 4n));
    });
  });
});

describe("test_thread_safety.py: a call that fails keeps no connection", () => {
  /** The only connection of the client fails `call`, and serves afterwards. */
  const failing = (call: (client: MessageDbDirect) => Promise<unknown>) => async (): Promise<void> => {
    await withClient({ maxConnections: 1 }, async (client, name) => {
      await server.admin("REVOKE USAGE ON SCHEMA message_store FROM message_store");
      try {
        await expect(call(client)).rejects.toMatchObject({ code: "permission_denied" });
      } finally {
        await server.admin("GRANT USAGE ON SCHEMA message_store TO message_store");
      }
      expect(await client.messageStoreVersion()).toBe("1.3.0");
      expect(await connections(name)).toBe(1);
    });
  };

  it("read_releases_connection_on_error", failing((client) => client.read("testStream-123").toArray()));
  it("read_last_message_releases_connection_on_error", failing((client) => client.readLastMessage("testStream-123")));
  it("stream_identifiers_releases_connection_on_error", failing((client) => client.streamIdentifiers("testCategory")));
});

describe("test_write.py", () => {
  it("write_to_store", async () => {
    await db.write("testStream-123", event({ foo: "bar" }));
    expect(await read("testStream-123")).toHaveLength(1);
  });

  it("writing_message_with_metadata", async () => {
    await db.write("testStream-123", event({ foo: "bar" }, { trace_id: "baz" }));
    expect((await read("testStream-123"))[0]?.metadata).toEqual({ trace_id: "baz" });
  });

  it("that_write_returns_position_of_message_written", async () => {
    expect(await db.write("testStream-123", event({ foo: "bar" }))).toBe(0n);
    expect(await db.write("testStream-123", event({ foo: "bar" }))).toBe(1n);
  });

  it("write_message_batch", async () => {
    expect(await db.writeBatch("testStream-123", [1, 2, 3, 4].map((n) => ({ type: `Event${n}`, data: { [`foo${n}`]: `bar${n}` } })))).toBe(3n);
  });

  it("write_failure_on_no_result_returned_after_cursor_execution: an empty stream at no version", async () => {
    await expect(db.write("testStream-123", event({ foo: "bar" }), { expectedVersion: 1n }))
      .rejects.toMatchObject({ name: "WrongExpectedVersionError", stream: "testStream-123", expected: 1n, actual: undefined });
  });

  it("write_with_expected_version", async () => {
    await fill("testStream-123", 3, () => ({ foo: "bar" }));
    expect(await db.write("testStream-123", event({ foo: "bar" }), { expectedVersion: 2n })).toBe(3n);
  });

  it("that_write_fails_on_expected_version_mismatch", async () => {
    await fill("testStream-123", 3, () => ({ foo: "bar" }));
    await expect(db.write("testStream-123", event({ foo: "bar" }), { expectedVersion: 1n })).rejects.toMatchObject({ expected: 1n, actual: 2n });
  });

  it("concurrent_writes", async () => {
    await Promise.all(Array.from({ length: 10 }, () => db.write("concurrentStream-123", event({ thread: "value" }))));
    expect(await read("concurrentStream-123")).toHaveLength(10);
  });

  it("write_with_no_result", async () => {
    const sql: PostgresJs = { unsafe: () => ({ raw: async () => Object.assign([], { columns: [] }) }) };
    await expect(new MessageDbDirect({ sql }).write("testStream", event({ key: "value" })))
      .rejects.toMatchObject({ code: "internal", applied: "unknown", message: "The database answered a write without a position" });
  });
});

describe("test_read.py", () => {
  it("read_stream_from_store", async () => {
    await fill("testStream-123", 1, () => ({ foo: "bar" }));
    expect((await read("testStream-123"))[0]?.data).toEqual({ foo: "bar" });
  });

  it("read_multiple_stream_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    const messages = await read("testStream-123");
    expect(messages).toHaveLength(5);
    expect(messages[4]?.data).toEqual({ foo4: "bar4" });
  });

  it("read_paginated_stream_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    const messages = await read("testStream-123", { limit: 3 });
    expect(messages).toHaveLength(3);
    expect(messages[2]?.data).toEqual({ foo2: "bar2" });
  });

  it("read_stream_last_message", async () => {
    await fill("testStream-123", 5, (n) => ({ foo: `bar${n}` }));
    expect(await db.readLastMessage("testStream-123")).toMatchObject({ position: 4n, data: { foo: "bar4" } });
  });

  it("last_message_empty_stream", async () => {
    expect(await db.readLastMessage("emptyStream-123")).toBeUndefined();
  });

  it("read_from_non_existing_stream", async () => {
    expect(await read("nonExistingStream-123")).toEqual([]);
  });

  it("read_specific_stream_message", async () => {
    await fill("testStream-123", 5, (n) => ({ foo: `bar${n}` }));
    await fill("testStream-456", 5, (n) => ({ foo: `baz${n}` }));
    const messages = await read("testStream-456");
    expect(messages).toHaveLength(5);
    expect(messages[4]?.data).toEqual({ foo: "baz4" });
  });

  it("read_category_messages", async () => {
    await fill("testStream-123", 5, (n) => ({ foo: `bar${n}` }));
    const messages = await read("testStream");
    expect(messages).toHaveLength(5);
    expect(messages[4]?.data).toEqual({ foo: "bar4" });
  });

  it("read_category_without_consumer_groups", async () => {
    for (let n = 0; n < 3; n++) await db.write(`testCategory-${n}`, event({ stream_id: n }));
    const messages = await read("testCategory", { start: 0n, limit: 100 });
    expect(messages.map(({ data }) => (data as { stream_id: number }).stream_id)).toEqual([0, 1, 2]);
  });

  it("read_category_with_consumer_groups_using_generic_read", async () => {
    for (let n = 0; n < 6; n++) await db.write(`testGeneric-${n}`, event({ stream_id: n }));
    const parts = await Promise.all([0, 1].map((number) => read("testGeneric", { limit: 100, consumerGroup: { member: number, size: 2 } })));
    expect(parts[0]?.length).toBeGreaterThan(0);
    expect(parts.flat()).toHaveLength(6);
  });
});

describe("test_read_all.py", () => {
  it("reading_all_streams: in ascending order, which theirs leaves to chance", async () => {
    await fill("stream1-123", 1, () => ({ foo: "bar" }));
    await fill("stream2-123", 1, () => ({ foo: "bar" }));
    expect((await read("$all")).map(({ stream }) => stream)).toEqual(["stream1-123", "stream2-123"]);
  });

  it("reading_all_streams_after_position", async () => {
    await fill("stream1-123", 5, () => ({ foo: "bar" }));
    await fill("stream2-123", 5, () => ({ foo: "bar" }));
    expect(await read("$all")).toHaveLength(10);
    expect(await read("$all", { after: 5n })).toHaveLength(5);
    expect(await read("$all", { after: 5n, limit: 2 })).toHaveLength(2);
  });
});

describe("test_read_category.py", () => {
  it("reading_a_stream_throws_error", async () => {
    expect(await refusal(() => readCategory("testStream-123"))).toContain("`category` must be a category's name");
  });

  it("read_category_messages_from_store", async () => {
    await fill("testStream-123", 1, () => ({ foo: "bar" }));
    expect((await readCategory("testStream"))[0]?.data).toEqual({ foo: "bar" });
  });

  it("read_multiple_category_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    expect((await readCategory("testStream")).map(({ data }) => data)[4]).toEqual({ foo4: "bar4" });
  });

  it("read_paginated_category_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    const messages = await readCategory("testStream", { limit: 3 });
    expect(messages).toHaveLength(3);
    expect(messages[2]?.data).toEqual({ foo2: "bar2" });
  });
});

describe("test_read_stream.py", () => {
  it("reading_a_category_throws_error", async () => {
    expect(await refusal(() => readStream("testStream"))).toContain("`stream` must be a stream's name");
  });

  it("read_stream_from_store", async () => {
    await fill("testStream-123", 1, () => ({ foo: "bar" }));
    expect((await readStream("testStream-123"))[0]?.data).toEqual({ foo: "bar" });
  });

  it("read_multiple_stream_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    const messages = await readStream("testStream-123");
    expect(messages).toHaveLength(5);
    expect(messages[4]?.data).toEqual({ foo4: "bar4" });
  });

  it("read_paginated_stream_messages_from_store", async () => {
    await fill("testStream-123", 5, (n) => ({ [`foo${n}`]: `bar${n}` }));
    const messages = await readStream("testStream-123", { limit: 3 });
    expect(messages).toHaveLength(3);
    expect(messages[2]?.data).toEqual({ foo2: "bar2" });
  });
});

describe("test_stream_identifiers.py", () => {
  const named = async (...streams: string[]): Promise<string[]> => {
    for (const stream of streams) await db.write(stream, event({ k: "v" }));
    return db.streamIdentifiers("testCategory");
  };

  it("stream_name_raises_error", async () => {
    expect(await refusal(() => db.streamIdentifiers("testStream-123"))).toContain("`category` must be a category's name");
  });

  it("returns_empty_for_no_messages", async () => expect(await named()).toEqual([]));
  it("returns_single_identifier", async () => expect(await named("testCategory-abc123")).toEqual(["abc123"]));
  it("returns_multiple_unique_identifiers", async () => expect(await named("testCategory-id1", "testCategory-id2", "testCategory-id3")).toEqual(["id1", "id2", "id3"]));
  it("deduplicates_across_events", async () => expect(await named("testCategory-id1", "testCategory-id1", "testCategory-id1")).toEqual(["id1"]));
  it("excludes_snapshot_streams", async () => expect(await named("testCategory-id1", "testCategory:snapshot-id1")).toEqual(["id1"]));
  it("results_are_sorted", async () => expect(await named("testCategory-charlie", "testCategory-alpha", "testCategory-bravo")).toEqual(["alpha", "bravo", "charlie"]));
});

describe("test_consumer_groups.py", () => {
  const group = (consumerGroup: { member?: number; size?: number }): Promise<string> =>
    refusal(() => readCategory("testStream", { consumerGroup: consumerGroup as { member: number; size: number } }));
  const streams = (messages: readonly Message[]): Set<string> => new Set(messages.map(({ stream }) => stream));

  it("consumer_group_member_without_size_raises_error", async () => expect(await group({ member: 0 })).toContain("`options.consumerGroup.size`"));
  it("consumer_group_size_without_member_raises_error", async () => expect(await group({ size: 3 })).toContain("`options.consumerGroup.member`"));
  it("negative_consumer_group_member_raises_error", async () => expect(await group({ member: -1, size: 3 })).toContain("`options.consumerGroup.member` must be an integer from 0 to 2"));
  it("zero_consumer_group_size_raises_error", async () => expect(await group({ member: 0, size: 0 })).toContain("`options.consumerGroup.size`"));
  it("negative_consumer_group_size_raises_error", async () => expect(await group({ member: 0, size: -1 })).toContain("`options.consumerGroup.size`"));
  it("consumer_group_member_exceeds_size_raises_error", async () => expect(await group({ member: 3, size: 3 })).toContain("`options.consumerGroup.member` must be an integer from 0 to 2"));
  it("consumer_group_member_equal_to_size_minus_one_is_valid", async () => expect(await member("testStream", 2, 3)).toEqual([]));

  it.each(["single_consumer_group_member_receives_all_messages", "consumer_group_size_one"])("%s", async () => {
    for (let n = 0; n < 5; n++) await db.write(`testStream-${n}`, event({ index: n }));
    expect(await member("testStream", 0, 1)).toHaveLength(5);
  });

  it.each(["consumer_group_members_receive_non_overlapping_streams", "all_streams_distributed_among_consumer_group_members"])("%s", async () => {
    const names = Array.from({ length: 10 }, (_, n) => `testStream-stream-${n}`);
    for (const name of names) await db.write(name, event({ stream: name }));
    const parts = await Promise.all([0, 1, 2].map((number) => member("testStream", number, 3)));
    expect(parts.flat()).toHaveLength(10);
    // None is there twice, so no two members have one.
    expect(parts.flatMap((part) => [...streams(part)]).sort()).toEqual(names.sort());
  });

  it("same_stream_consistently_assigned_to_same_consumer", async () => {
    const counts = async (): Promise<number[]> => Promise.all([0, 1, 2].map(async (number) => (await member("testStream", number, 3)).length));
    await fill("testStream-123", 5, (index) => ({ index }));
    const first = await counts();
    expect([...first].sort((a, b) => a - b)).toEqual([0, 0, 5]);
    await fill("testStream-123", 5, (index) => ({ index }));
    expect(await counts()).toEqual(first.map((count) => 2 * count));
  });

  it("consumer_group_with_pagination", async () => {
    for (let n = 0; n < 5; n++) await fill(`testStream-${n}`, 3, (index) => ({ stream: n, index }));
    const consumerGroup = { member: 0, size: 2 };
    const all = await readCategory("testStream", { consumerGroup });
    const first = await readCategory("testStream", { limit: 5, consumerGroup });
    // From the last position, as theirs: inclusive.
    const second = await readCategory("testStream", { start: first.at(-1)?.globalPosition, limit: 5, consumerGroup });
    expect([...first, ...second.slice(1)]).toEqual(all.slice(0, 9));
    expect(second[0]).toEqual(first.at(-1));
  });

  it("consumer_group_with_empty_category", async () => expect(await member("emptyCategory", 0, 3)).toEqual([]));

  it("consumer_group_preserves_message_order_within_stream", async () => {
    await fill("testStream-abc", 10, (index) => ({ index }));
    const parts = await Promise.all([0, 1, 2].map((number) => member("testStream", number, 3)));
    expect(parts.flat().map(({ position, data }) => [position, data])).toEqual(Array.from({ length: 10 }, (_, index) => [BigInt(index), { index }]));
  });

  it("large_consumer_group_size", async () => {
    for (let n = 0; n < 3; n++) await db.write(`testStream-${n}`, event({ index: n }));
    const parts = await Promise.all(Array.from({ length: 10 }, (_, number) => member("testStream", number, 10)));
    expect(parts.flat()).toHaveLength(3);
  });

  it("consumer_group_with_multiple_messages_per_stream", async () => {
    for (let n = 0; n < 3; n++) await fill(`testStream-${n}`, 5, (message) => ({ stream: n, message }));
    const parts = await Promise.all([0, 1].map((number) => member("testStream", number, 2)));
    expect(parts.flat()).toHaveLength(15);
    for (const part of parts) {
      for (const name of streams(part)) expect(part.filter(({ stream }) => stream === name)).toHaveLength(5);
    }
  });
});

describe("the program of their README: three consumers of a group", () => {
  it("handles every message once, each stream in order, though it begins again and again where it left off", async () => {
    const streams = Array.from({ length: 20 }, (_, n) => `user_updates-${n}`);
    for (let n = 0; n < 15; n++) for (const stream of streams) await db.write(stream, { type: "Updated", data: { n } });
    const positions = new Map<number, bigint>();
    const handled: Message[] = [];

    const processMessages = async (consumer: number, size: number): Promise<void> => {
      for (;;) {
        // Theirs begins at the last position again, and so would never come to an end.
        const start = (positions.get(consumer) ?? -1n) + 1n;
        const messages = await readCategory("user_updates", { start, limit: 20, consumerGroup: { member: consumer, size } });
        if (messages.length === 0) break;
        handled.push(...messages);
        positions.set(consumer, messages.at(-1)?.globalPosition ?? 0n);
      }
    };
    await Promise.all([0, 1, 2].map((consumer) => processMessages(consumer, 3)));

    expect(positions.size).toBe(3);
    expect(handled).toHaveLength(300);
    for (const stream of streams) expect(handled.filter((message) => message.stream === stream).map(({ position }) => position)).toEqual(Array.from({ length: 15 }, (_, n) => BigInt(n)));
  });
});
