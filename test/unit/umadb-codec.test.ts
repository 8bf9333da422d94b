import { create, toBinary, type DescMessage } from "@bufbuild/protobuf";
import fc from "fast-check";
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from "millrace/internal/gen/es/grpc/health/v1/health_pb";
import {
  AppendRequestSchema, HeadResponseSchema, ReadRequestSchema, SubscribeRequestSchema, TrackingRequestSchema,
} from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { encodeName, encodeRead, encodeSubscribe } from "millrace/internal/umadb/codec-request";
import { appendTools } from "millrace/internal/umadb/append-tools";
import { encodeAppend } from "millrace/internal/umadb/codec-append";
import { decodeNumber } from "millrace/internal/umadb/decode-number";
import { describe, expect, it } from "vitest";

const seed = process.env["MILLRACE_SEED"] === undefined ? {} : { seed: Number(process.env["MILLRACE_SEED"]) };
const runs = { numRuns: 400, ...seed };

const uint64 = fc.oneof(fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 28n, 2n ** 32n - 1n, 2n ** 53n + 1n, 2n ** 56n, 2n ** 63n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const uint32 = fc.oneof(fc.constantFrom(0, 127, 128, 0xffff_ffff), fc.nat());
const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("", "\ufeffmark", "ü", "🎈", "x".repeat(300), "é".repeat(200)));
const texts = fc.array(text, { maxLength: 4 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const event = fc.record({
  eventType: text, tags: texts, data: fc.uint8Array({ maxLength: 400 }), uuid: text,
  metadata: fc.array(fc.record({ key: text, value: text }), { maxLength: 3 }),
});
const tracking = fc.record({ source: text, position: uint64 });
const query = fc.record({ items: fc.array(fc.record({ types: texts, tags: texts }), { maxLength: 3 }) });
/** The generated codec's bytes of a message given as plain data. */
function generated(schema: DescMessage, init: object): Uint8Array {
  return toBinary(schema, create(schema, init as never));
}

describe("a number that the client decodes by hand", () => {
  it("is there or not, as the generated codec says", () => {
    fc.assert(fc.property(maybe(uint64), (position) => {
      expect(decodeNumber(generated(HeadResponseSchema, { position }))).toBe(position);
    }), runs);
    expect(decodeNumber(generated(HealthCheckResponseSchema, { status: 2 }))).toBe(2n);
  });

  it("is refused with `protocol`, and nothing else is thrown, when the bytes are no message; a write stays open", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
      try {
        decodeNumber(garbage);
      } catch (error) {
        expect(error).toMatchObject({ code: "protocol", system: "umadb", applied: "no" });
      }
    }), runs);
    for (const bytes of [[0x08], [0x0a, 0x05, 1], [0x10, ...Array<number>(10).fill(0xff), 1], [0x00, 0x00], [0x0b], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]]) {
      expect(() => decodeNumber(Uint8Array.from(bytes), "unknown")).toThrow(expect.objectContaining({ code: "protocol", applied: "unknown" }));
    }
  });
});

describe("what the client encodes by hand", () => {
  it("is byte for byte what the generated codec makes", () => {
    fc.assert(fc.property(fc.record({ query: maybe(query), start: maybe(uint64), backwards: maybe(fc.boolean()), limit: maybe(uint32), batchSize: maybe(uint32) }), (request) => {
      expect(encodeRead(request)).toEqual(generated(ReadRequestSchema, request));
    }), runs);
    fc.assert(fc.property(fc.record({ query: maybe(query), after: maybe(uint64), batchSize: maybe(uint32) }), (request) => {
      expect(encodeSubscribe(request)).toEqual(generated(SubscribeRequestSchema, request));
    }), runs);
    fc.assert(fc.property(text, (name) => {
      expect(encodeName(name)).toEqual(generated(TrackingRequestSchema, { source: name }));
      expect(encodeName(name)).toEqual(generated(HealthCheckRequestSchema, { service: name }));
    }), runs);
    const condition = fc.record({ failIfEventsMatch: maybe(query), after: maybe(uint64) });
    fc.assert(fc.property(fc.record({ events: fc.array(event, { maxLength: 4 }), condition: maybe(condition), trackingInfo: maybe(tracking) }), (request) => {
      expect(encodeAppend(request, appendTools)).toEqual(generated(AppendRequestSchema, request));
    }), runs);
  });
});
