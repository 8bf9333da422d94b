import { isDeepStrictEqual } from "node:util";
import { fromBinary, toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { generatedFile, protoFiles, type Codec } from "../support/generated.js";
import { plainMessage } from "../support/plain-message.js";
import { randomFrom, randomMessage } from "../support/random-message.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** Random messages of each type. */
const MESSAGES = 250;

const files = await Promise.all((await protoFiles()).map(generatedFile));

describe("every message, by protobuf-es and by ts-proto", () => {
  it.each(files)("is the same object and the same bytes, whichever wrote it: $name", ({ messages, codecOf }) => {
    for (const desc of messages) compareMany(desc, codecOf(desc));
  });
});

describe("the comparison", () => {
  it("covers UmaDB, both protocols of EventStoreDB, KubeMQ, health and the error model", () => {
    const packages = new Set(files.flatMap(({ messages }) => messages.map((message) => message.file.proto.package)));
    expect([...packages].sort()).toEqual([
      "event_store.client",
      "event_store.client.gossip",
      "event_store.client.monitoring",
      "event_store.client.operations",
      "event_store.client.persistent_subscriptions",
      "event_store.client.projections",
      "event_store.client.server_features",
      "event_store.client.streams",
      "event_store.client.users",
      "google.rpc",
      "grpc.health.v1",
      "kubemq",
      "kurrent.rpc",
      "kurrentdb.protocol.v2.indexes",
      "kurrentdb.protocol.v2.indexes.errors",
      "kurrentdb.protocol.v2.streams",
      "kurrentdb.protocol.v2.streams.errors",
      "umadb.v1",
    ]);
  });
});

/** Compares random messages of a type, and makes sure that each of its fields was set in one of them. */
function compareMany(desc: DescMessage, codec: Codec): void {
  const random = randomFrom(seed, desc.typeName);
  const seen = new Set<string>();
  for (let n = 0; n < MESSAGES; n++) compare(desc, codec, randomMessage(desc, random, seen), n);
  const never = desc.fields.filter((field) => !seen.has(`${desc.typeName}.${field.name}`)).map(({ name }) => name);
  expect(never, `fields of ${desc.typeName} that no random message set`).toEqual([]);
}

function compare(desc: DescMessage, codec: Codec, message: Message, n: number): void {
  const bytes = toBinary(desc, message);
  const plain = plainMessage(desc, message);
  const where = `${desc.typeName}, message ${n} of seed ${seed}: ${base64(bytes)}`;

  const decoded = codec.decode(bytes);
  expectObject(decoded, plain, `${where}: decoded by ts-proto`);
  expectBytes(desc, codec.encode(decoded).finish(), bytes, `${where}: decoded and encoded by ts-proto`);

  const written = codec.encode(plain).finish();
  expectBytes(desc, written, bytes, `${where}: encoded by ts-proto`);
  const read = fromBinary(desc, written);
  expectObject(plainMessage(desc, read), plain, `${where}: encoded by ts-proto, decoded by protobuf-es`);
  expectBytes(desc, toBinary(desc, read), bytes, `${where}: encoded by ts-proto, decoded and encoded by protobuf-es`);
}

/** `isDeepStrictEqual` first: it is fast, and takes NaN for equal to itself. */
function expectObject(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).toStrictEqual(expected);
}

function expectBytes(desc: DescMessage, actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (actual.length !== expected.length) expect(base64(actual), what).toBe(base64(expected));
  const inOrder = hasSplitOneof(desc) ? toBinary(desc, fromBinary(desc, actual)) : actual;
  if (Buffer.compare(inOrder, expected) !== 0) expect(base64(actual), what).toBe(base64(expected));
}

/**
 * protobuf-es writes fields by number, ts-proto a oneof where its first member stands. The bytes are in another order,
 * which any reader takes, where another field's number lies between the members of a oneof.
 */
function hasSplitOneof(desc: DescMessage, visited = new Set<DescMessage>()): boolean {
  if (visited.has(desc)) return false;
  visited.add(desc);
  const order = [...desc.fields].sort((one, other) => one.number - other.number);
  const split = desc.oneofs.some(({ fields }) => {
    const places = fields.map((field) => order.indexOf(field));
    return Math.max(...places) - Math.min(...places) >= fields.length;
  });
  return split || desc.fields.some(({ message }) => message !== undefined && hasSplitOneof(message, visited));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
