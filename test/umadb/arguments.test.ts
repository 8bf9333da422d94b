import { createServer, type AddressInfo, type Server } from "node:net";
import { inspect } from "node:util";
import { isMillraceError } from "millrace";
import { decide, UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publicMethods } from "./public-methods.js";

/** One parameter or property, values it must refuse, and a call with such a value in its place. */
interface Parameter {
  readonly path: string;
  readonly wrong: readonly unknown[];
  readonly call: (db: UmaDb, value: never) => unknown;
}

const LONE = "half a pair \ud800";
const notAnObject = [null, 0, 1n, true, "text", "", Symbol("s"), [], [{}], () => {}, NaN, { unknown: 1 }];
const notAString = [null, undefined, 0, NaN, 1n, true, {}, [], Symbol("s"), () => {}, new Uint8Array(1), LONE];
const notATextList = [null, 0, 1n, true, "text", {}, [1], [null], [undefined], ["a", LONE], [["nested"]], new Set(["a"]), () => {}];
const notAPosition = [null, 0, 1, -1, NaN, 1.5, "1", "", -1n, 2n ** 64n, true, {}, [1n], new Date(0)];
const notACount = [null, -1, 1.5, NaN, Infinity, 2 ** 32, "1", "", 1n, true, {}, [1]];
const notBytes = [null, undefined, 0, "text", "", {}, [], [1, 2], new ArrayBuffer(2), new Uint16Array(2), new DataView(new ArrayBuffer(1)), 1n];
const notASignal = [null, 0, "abort", {}, [], true, 1n, new AbortController(), () => {}, { aborted: false }, NaN, Symbol("s")];
const notATime = [null, -1, 1.5, NaN, Infinity, 2 ** 31, "1000", "", 1n, true, {}, [1]];
const notHeaders = [null, 0, "a: b", [1], [["only one"]], { "bad name": "x" }, { "": "x" }, { name: "line\nbreak" }, { name: "ü\u0100" }, { name: 1 }, { "x-bin": "not base64!" }, { "grpc-timeout": "1S" }];

const event = { type: "A", tags: ["t"], data: new Uint8Array(1) };
const query = { items: [{ types: ["A"], tags: ["t"] }] };

/** The options that every call has, and one that none has. */
function common(call: (db: UmaDb, options: never) => unknown): Parameter[] {
  const given = (name: string, wrong: readonly unknown[]): Parameter =>
    ({ path: `options.${name}`, wrong, call: (db, value) => call(db, { [name]: value } as never) });
  return [
    { path: "options", wrong: notAnObject, call },
    given("signal", notASignal),
    given("timeoutMs", notATime),
    given("headers", notHeaders),
    given("abortSignal", [new AbortController().signal, 1, "x"]),
  ];
}

function queries(path: string, call: (db: UmaDb, query: never) => unknown): Parameter[] {
  const item = (name: string): Parameter => ({ path: `${path}.items[0].${name}`, wrong: notATextList, call: (db, value) => call(db, { items: [{ [name]: value }] } as never) });
  return [
    { path, wrong: notAnObject, call },
    { path: `${path}.items`, wrong: [...notAnObject.filter((value) => !Array.isArray(value)), undefined], call: (db, value) => call(db, { items: value } as never) },
    { path: `${path}.items[0]`, wrong: notAnObject, call: (db, value) => call(db, { items: [value] } as never) },
    item("types"), item("tags"),
    { path: `${path}.item`, wrong: [[]], call: (db, value) => call(db, { items: [], item: value } as never) },
  ];
}

function events(call: (db: UmaDb, events: never) => unknown): Parameter[] {
  const property = (name: string, wrong: readonly unknown[]): Parameter =>
    ({ path: `events[1].${name}`, wrong, call: (db, value) => call(db, [event, { ...event, [name]: value }] as never) });
  return [
    { path: "events", wrong: [...notAnObject.filter((value) => !Array.isArray(value)), undefined, [], new Set([event]), Array(3)], call },
    { path: "events[0]", wrong: notAnObject, call: (db, value) => call(db, [value] as never) },
    property("type", notAString),
    property("tags", [...notATextList, Array<string>(65_536).fill("")]),
    property("data", notBytes),
    property("uuid", [null, 0, 1n, "", "not-a-uuid", " 7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7d", "7f000001-8d8a-4b5e-9d3c-2f1e0a9b8c7", {}, [], true, LONE, "7f000001_8d8a_4b5e_9d3c_2f1e0a9b8c7d"]),
    property("metadata", [null, 0, 1n, true, "text", [1], [["a"]], [["a", 1]], { a: 1 }, { a: LONE }, { [LONE]: "a" }, [["k", "1"], ["k", "2"]], { a: "x".repeat(65_536) }]),
    property("metaData", [{}, "x", undefined]),
    { path: "events[0]", wrong: ["x".repeat(5_000)], call: (db, value) => call(db, [{ ...event, type: value }] as never) },
  ];
}

const condition = (value: object): object => ({ condition: value });

const table: Record<string, readonly Parameter[]> = {
  append: [
    ...events((db, value) => db.append(value)),
    ...common((db, options) => db.append([event], options)),
    { path: "condition", wrong: notAnObject, call: (db, value) => db.append([event], { condition: value }) },
    ...queries("condition.failIfEventsMatch", (db, value) => db.append([event], condition({ failIfEventsMatch: value }))),
    { path: "condition.after", wrong: [...notAPosition, 2n ** 64n - 1n], call: (db, value) => db.append([event], condition({ after: value })) },
    { path: "condition.failIfEventMatch", wrong: [query], call: (db, value) => db.append([event], condition({ failIfEventMatch: value })) },
    { path: "trackingInfo", wrong: notAnObject, call: (db, value) => db.append([event], { trackingInfo: value }) },
    { path: "trackingInfo.source", wrong: [...notAString, "x".repeat(256), "ü".repeat(128)], call: (db, value) => db.append([event], { trackingInfo: { source: value, position: 1n } }) },
    { path: "trackingInfo.position", wrong: [...notAPosition, undefined], call: (db, value) => db.append([event], { trackingInfo: { source: "s", position: value } }) },
  ],
  read: [
    ...queries("query", (db, value) => db.read(value)),
    ...common((db, options) => db.read(undefined, options)),
    { path: "options.start", wrong: notAPosition, call: (db, value) => db.read(undefined, { start: value }) },
    { path: "options.backwards", wrong: [null, 0, 1, "true", "", {}, [], 1n, NaN, () => {}, Symbol("s"), new Date(0)], call: (db, value) => db.read(undefined, { backwards: value }) },
    { path: "options.limit", wrong: notACount, call: (db, value) => db.read(undefined, { limit: value }) },
    { path: "options.batchSize", wrong: notACount, call: (db, value) => db.read(undefined, { batchSize: value }) },
    { path: "options.subscribe", wrong: [true], call: (db, value) => db.read(undefined, { subscribe: value } as never) },
  ],
  subscribe: [
    ...queries("query", (db, value) => db.subscribe(value)),
    ...common((db, options) => db.subscribe(undefined, options)),
    { path: "options.after", wrong: [...notAPosition, "start", 2n ** 64n - 1n], call: (db, value) => db.subscribe(undefined, { after: value }) },
    { path: "options.batchSize", wrong: notACount, call: (db, value) => db.subscribe(undefined, { batchSize: value }) },
  ],
  head: common((db, options) => db.head(options)),
  trackingInfo: [
    { path: "source", wrong: [...notAString, "x".repeat(256), "ü".repeat(128)], call: (db, value) => db.trackingInfo(value) },
    ...common((db, options) => db.trackingInfo("s", options)),
  ],
  health: [
    ...common((db, options) => db.health(options)),
    { path: "options.service", wrong: notAString.filter((value) => value !== undefined), call: (db, value) => db.health({ service: value }) },
  ],
  close: [],
  decide: [
    { path: "db", wrong: [...notAnObject, undefined], call: (_, value) => decide(value, query, () => []) },
    ...queries("query", (db, value) => decide(db, value, () => [])),
    { path: "query", wrong: [undefined], call: (db, value) => decide(db, value, () => []) },
    { path: "make", wrong: [null, undefined, 0, 1n, true, "text", {}, [], NaN, Symbol("s"), new Date(0), [() => []]], call: (db, value) => decide(db, query, value) },
    ...common((db, options) => decide(db, query, () => [], options)),
    { path: "options.retries", wrong: [...notACount, 1_000_001], call: (db, value) => decide(db, query, () => [], { retries: value }) },
  ],
};

const constructors: readonly Parameter[] = [
  { path: "options", wrong: [null, 0, "http://x", 1n, true, [], Symbol("s"), NaN, () => {}, undefined], call: (_, value) => new UmaDb(value) },
  { path: "url", wrong: ["", "not a url", "ftp://x", "http://", null, 0, {}, [], true, 1n, "javascript:alert(1)", "http://user:pass@host"], call: (_, value) => new UmaDb({ url: value }) },
  { path: "carrier", wrong: [null, 0, "x", {}, [], true, 1n, { call() {} }, { close() {} }, () => {}, NaN, Symbol("s")], call: (_, value) => new UmaDb({ carrier: value }) },
  { path: "headers", wrong: notHeaders, call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", headers: value }) },
  { path: "timeoutMs", wrong: notATime, call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", timeoutMs: value }) },
  { path: "connectTimeoutMs", wrong: [...notATime, 0], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", connectTimeoutMs: value }) },
  { path: "maxMessageBytes", wrong: [...notACount, 0], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", maxMessageBytes: value }) },
  { path: "batchSize", wrong: notACount, call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", batchSize: value }) },
  { path: "codec", wrong: [null, 0, "x", {}, [], true, 1n, { encode() {} }, { decode() {} }, () => {}, NaN, Symbol("s")], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", codec: value }) },
  { path: "fetch", wrong: [null, 0, "x", {}, [], true, 1n, NaN, Symbol("s")], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", fetch: value }) },
  { path: "retry", wrong: [null, 0, "x", [], true, 1n, NaN, Symbol("s"), () => {}, { attempts: 0 }, { attempts: null }, { baseMs: -1 }, { maxMs: "1" }, { unknown: 1 }], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", retry: value }) },
  { path: "uri", wrong: ["http://x"], call: (_, value) => new UmaDb({ url: "http://127.0.0.1:9", uri: value } as never) },
];

describe("wrong arguments are refused before anything is sent", () => {
  let connections = 0;
  let server: Server;
  let db: UmaDb;
  beforeAll(async () => {
    server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    db = new UmaDb({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it("for every function that the package declares", () => {
    expect(Object.keys(table).sort()).toEqual(publicMethods());
  });

  const rows = [...Object.entries(table), ["new UmaDb", constructors] as const]
    .flatMap(([name, parameters]) => parameters.map((parameter) => [`${name}: ${parameter.path}`, parameter] as const));

  it.each(rows)("%s", async (_, { path, wrong, call }) => {
    for (const value of wrong) {
      const error = await outcomeOf(() => call(db, value as never));
      expect(isMillraceError(error, "invalid_argument"), `${path} = ${describeValue(value)}: ${String(error)}`).toBe(true);
      expect(error).toMatchObject({ applied: "no" });
      // By its name; a wrong part of it by its path.
      expect((error as Error).message).toContain(`\`${path}`);
    }
    expect(connections).toBe(0);
  });
});

async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

function describeValue(value: unknown): string {
  return inspect(value).slice(0, 80);
}
