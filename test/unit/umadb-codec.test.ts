import { create, fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf";
import fc from "fast-check";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from "millrace/internal/gen/es/grpc/health/v1/health_pb";
import { StatusSchema } from "millrace/internal/gen/es/google/rpc/status_pb";
import {
  AppendRequestSchema, ErrorResponseSchema, HeadResponseSchema, ReadRequestSchema, ReadResponseSchema, SubscribeRequestSchema, TrackingRequestSchema,
} from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { decodeError, decodeEvents, decodeNumber } from "millrace/internal/umadb/codec";
import { encodeName, encodeRead, encodeSubscribe } from "millrace/internal/umadb/codec-request";
import { appendTools } from "millrace/internal/umadb/append-tools";
import { encodeAppend } from "millrace/internal/umadb/codec-append";
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
const readResponse = fc.record({ events: fc.array(fc.record({ position: uint64, event: maybe(event), trackingInfo: maybe(tracking) }), { maxLength: 5 }), head: maybe(uint64) });

/** Plain data without what is left out, whichever codec made it. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => one !== undefined && !key.startsWith("$")).map(([key, one]) => [key, plain(one)]));
}

/** The generated codec's bytes of a message given as plain data. */
function generated(schema: DescMessage, init: object): Uint8Array {
  return toBinary(schema, create(schema, init as never));
}

describe("what the client decodes by hand", () => {
  it("reads events as the generated codec does", () => {
    fc.assert(fc.property(readResponse, (message) => {
      const bytes = generated(ReadResponseSchema, message);
      const decoded = plain(decodeEvents(bytes));
      expect(decoded).toEqual(plain(message));
      // The generated codec drops a byte order mark at the beginning of a text.
      if (!new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).includes("\ufeff")) expect(decoded).toEqual(plain(fromBinary(ReadResponseSchema, bytes)));
    }), runs);
  });

  it("reads a number, present or not, and errors bare and inside a status", () => {
    fc.assert(fc.property(maybe(uint64), text, fc.integer({ min: 0, max: 6 }), (position, message, errorType) => {
      expect(decodeNumber(generated(HeadResponseSchema, { position }))).toBe(position);
      const bare = generated(ErrorResponseSchema, { message, errorType });
      expect(decodeError(bare)).toEqual({ message, errorType });
      const wrapped = { code: 9, message: "other", details: [
        create(AnySchema, { typeUrl: "type.googleapis.com/somebody.Else", value: bare.slice().reverse() }),
        create(AnySchema, { typeUrl: "type.googleapis.com/umadb.v1.ErrorResponse", value: bare }),
      ] };
      expect(decodeError(generated(StatusSchema, wrapped))).toEqual({ message, errorType });
    }), runs);
    expect(decodeNumber(generated(HealthCheckResponseSchema, { status: 2 }))).toBe(2n);
  });

  it("passes over unknown fields of every kind, wherever they stand", () => {
    const unknown = Uint8Array.from([0xa0, 0x06, 0x96, 0x01, 0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xb2, 0x06, 2, 9, 9, 0xbd, 0x06, 1, 2, 3, 4]);
    fc.assert(fc.property(readResponse, (message) => {
      const bytes = Uint8Array.from([...unknown, ...generated(ReadResponseSchema, message), ...unknown]);
      expect(plain(decodeEvents(bytes))).toEqual(plain(message));
    }), runs);
  });

  it("throws a RangeError for bytes that end early or are no message, and nothing else", () => {
    fc.assert(fc.property(readResponse, fc.uint8Array({ maxLength: 60 }), fc.nat(), (message, garbage, cut) => {
      const whole = generated(ReadResponseSchema, message);
      for (const bytes of [whole.subarray(0, cut % (whole.length + 1)), garbage]) {
        for (const decode of [decodeEvents, decodeNumber, decodeError]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
      }
    }), runs);
    for (const bytes of [[0x08], [0x0a, 0x05, 1], [0x10, ...Array<number>(10).fill(0xff), 1], [0x00, 0x00], [0x0b], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]]) {
      expect(() => decodeEvents(Uint8Array.from(bytes))).toThrow(RangeError);
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
