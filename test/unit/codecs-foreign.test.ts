import { toBinary, type DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { Value } from "../../gen/static/google/protobuf/struct.js";
import { Event as KubeMqEvent } from "../../gen/static/kubemq/kubemq.js";
import { Event, ReadResponse, SequencedEvent } from "../../gen/static/umadb/v1/umadb.js";
import { decodeWhole } from "../../src/protobuf/decode.js";
import { generatedFile, protoFiles, type Codec } from "../support/generated.js";
import { randomFrom, randomMessage } from "../support/random-message.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const files = await Promise.all((await protoFiles()).map(generatedFile));
const types = files.flatMap(({ messages, codecOf }) => messages.map((desc): [DescMessage, Codec] => [desc, codecOf(desc)]));

/** Bytes of a random message: not empty where the type has fields, and short enough to be cut at each byte. */
function sampleOf(desc: DescMessage): Uint8Array {
  const random = randomFrom(seed, `foreign ${desc.typeName}`);
  for (let n = 0; n < 200; n++) {
    const bytes = toBinary(desc, randomMessage(desc, random, new Set()));
    if (bytes.length > 0 && bytes.length < 1_000) return bytes;
  }
  return new Uint8Array(0);
}

/** Where a message's own fields end: places at which it may be cut and is a message still. */
function boundaries(bytes: Uint8Array): Set<number> {
  const reader = new BinaryReader(bytes);
  const ends = new Set([0]);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    reader.skip(wireType, number);
    ends.add(reader.pos);
  }
  return ends;
}

/** The bytes as a part of a larger buffer whose rest would be taken for more fields. */
function embedded(bytes: Uint8Array, length: number): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 64).fill(0x0a);
  buffer.set(bytes.subarray(0, length), 32);
  return buffer.subarray(32, 32 + length);
}

describe("decodeWhole()", () => {
  it("rejects a message that is cut anywhere but between its own fields", () => {
    let cuts = 0;
    for (const [desc, codec] of types) {
      const whole = sampleOf(desc);
      const ends = boundaries(whole);
      for (let length = 0; length < whole.length; length++) {
        const cut = embedded(whole, length);
        if (ends.has(length)) decodeWhole(codec, cut);
        else expect(() => decodeWhole(codec, cut), `${desc.typeName} cut at ${length}, seed ${seed}`).toThrow();
        cuts += 1;
      }
    }
    expect(cuts).toBeGreaterThan(10_000);
  });

  it("answers random bytes with a message or an Error, and nothing else", () => {
    let errors = 0;
    for (const [desc, codec] of types) {
      const random = randomFrom(seed, `garbage ${desc.typeName}`);
      for (let n = 0; n < 100; n++) {
        const bytes = Uint8Array.from({ length: random.int(40) }, () => random.int(256));
        try {
          expect(decodeWhole(codec, bytes)).toBeTypeOf("object");
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          errors += 1;
        }
      }
    }
    expect(errors).toBeGreaterThan(1_000);
  });

  it("rejects a length that lies far beyond the end, and reserves no memory for it", () => {
    const claim = new BinaryWriter().tag(3, WireType.LengthDelimited).uint32(0xffff_fff0).finish();
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decodeWhole(Event, claim)).toThrow();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it.each([
    ["0", 0x00],
    ["that ends a group which nothing began", 0x0c],
  ])("rejects a message with a tag %s, which a codec by itself takes for its end", (_name, tag) => {
    const event = Event.encode({ eventType: "a", tags: [], data: new Uint8Array(0), uuid: "", metadata: [] }).finish();
    const bytes = Uint8Array.from([tag, ...event]);
    expect(() => decodeWhole(Event, bytes)).toThrow("the message ends at byte 1 of 4");
    expect(Event.decode(bytes).eventType).toBe("");
  });

  it("rejects messages and groups nested without end, before the stack is used up", () => {
    let nested: Uint8Array = Value.encode({ kind: { $case: "boolValue", value: true } }).finish();
    for (let depth = 0; depth < 2_000; depth++) {
      const list = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(nested).finish();
      nested = new BinaryWriter().tag(6, WireType.LengthDelimited).bytes(list).finish();
    }
    expect(() => decodeWhole(Value, nested)).toThrow("recursion");
    const groups = new Uint8Array(200_000).fill((15 << 3) | WireType.StartGroup);
    expect(() => decodeWhole(Event, groups)).toThrow();
  });

  it("keeps a byte order mark at the beginning of a string, which a codec by itself drops", () => {
    const event = { eventType: "\uFEFFmoved", tags: ["\uFEFF"], data: new Uint8Array(0), uuid: "", metadata: [{ key: "\uFEFFk", value: "v" }] };
    const bytes = Event.encode(event).finish();
    expect(decodeWhole(Event, bytes)).toEqual(event);
    expect(Event.decode(bytes).eventType).toBe("moved");
  });

  it("replaces bytes of a string that are not UTF-8 by U+FFFD", () => {
    const bytes = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(Uint8Array.of(0x61, 0xff, 0x62)).finish();
    expect(decodeWhole(Event, bytes).eventType).toBe("a\uFFFDb");
  });

  it("skips fields it does not know, of each wire type", () => {
    const bytes = new BinaryWriter()
      .tag(900, WireType.Varint).uint64(2n ** 64n - 1n)
      .tag(901, WireType.Bit64).fixed64(7n)
      .tag(902, WireType.LengthDelimited).string("later versions")
      .tag(903, WireType.StartGroup).tag(1, WireType.Varint).uint32(5).tag(903, WireType.EndGroup)
      .tag(904, WireType.Bit32).fixed32(7)
      .tag(1, WireType.LengthDelimited).string("known")
      .finish();
    expect(decodeWhole(Event, bytes)).toEqual({ eventType: "known", tags: [], data: new Uint8Array(0), uuid: "", metadata: [] });
  });

  it("skips a known field that comes with another wire type", () => {
    const bytes = new BinaryWriter().tag(1, WireType.Varint).uint32(5).finish();
    expect(decodeWhole(Event, bytes).eventType).toBe("");
  });

  it("keeps the last of a field that comes twice, also where the field is a message", () => {
    const twice = new BinaryWriter().tag(1, WireType.Varint).uint64(1n).tag(1, WireType.Varint).uint64(2n).finish();
    expect(decodeWhole(SequencedEvent, twice).position).toBe(2n);
    const part = (number: number, text: string): Uint8Array => new BinaryWriter().tag(number, WireType.LengthDelimited).string(text).finish();
    const split = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(part(1, "type")).tag(2, WireType.LengthDelimited).bytes(part(4, "uuid")).finish();
    expect(decodeWhole(SequencedEvent, split).event).toMatchObject({ eventType: "", uuid: "uuid" });
  });

  it("gives `data` as a view of the received bytes, not a copy", () => {
    const event = { eventType: "a", tags: [], data: Uint8Array.of(1, 2, 3), uuid: "", metadata: [] };
    const bytes = ReadResponse.encode({ events: [{ position: 1n, event, trackingInfo: undefined }], head: 1n }).finish();
    expect(decodeWhole(ReadResponse, bytes).events[0]?.event?.data.buffer).toBe(bytes.buffer);
  });
});

describe("a map", () => {
  const event = (tags: [string, string][]): KubeMqEvent => ({
    EventID: "", ClientID: "", Channel: "", Metadata: "", Body: new Uint8Array(0), Store: false, Tags: new Map(tags),
  });

  it("keeps every key, `__proto__` and the like too, and their order", () => {
    const tags: [string, string][] = [["b", "1"], ["__proto__", "2"], ["10", "3"], ["2", "4"], ["constructor", "5"]];
    expect([...decodeWhole(KubeMqEvent, KubeMqEvent.encode(event(tags)).finish()).Tags]).toEqual(tags);
  });

  it("takes an entry without its key or value, and keeps the last of a key that comes twice", () => {
    const tags: [string, string][] = [["", "no key"], ["no value", ""]];
    expect([...decodeWhole(KubeMqEvent, KubeMqEvent.encode(event(tags)).finish()).Tags]).toEqual(tags);
    const twice = [["a", "1"], ["a", "2"]].map(([key, value]) => KubeMqEvent.encode(event([[key ?? "", value ?? ""]])).finish());
    expect([...decodeWhole(KubeMqEvent, Uint8Array.from(twice.flatMap((bytes) => [...bytes]))).Tags]).toEqual([["a", "2"]]);
  });
});
