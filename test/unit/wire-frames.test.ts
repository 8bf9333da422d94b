import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMillraceError } from "millrace/internal/core/errors";
import { concatBytes } from "millrace/internal/core/bytes";
import { EnvelopeReader } from "millrace/internal/wire/envelope-reader";
import { encodeEnvelope, encodeEnvelopes, encodeTrailerFrame, heartbeatFrame, MAX_TRAILER_BYTES, payloadsOf } from "millrace/internal/wire/frames";
import { parseTrailers } from "millrace/internal/wire/trailers";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What a reader makes of pieces: messages, trailer block and error. */
function readAll(pieces: readonly Uint8Array[], maxMessageBytes = 1_000, framing?: "grpc" | "grpc-web") {
  const reader = new EnvelopeReader({ maxMessageBytes, framing });
  const chunks: Uint8Array[] = [];
  let error: unknown;
  try {
    for (const piece of pieces) reader.push(piece, chunks);
    reader.end();
  } catch (caught) {
    error = caught;
  }
  return { chunks, messages: chunks.flatMap((chunk) => payloadsOf(chunk)).map((message) => [...message]), trailer: reader.trailerBlock, error };
}

/** `body` cut before each of `places`. */
function cut(body: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...[...places].map((place) => place % (body.length + 1)).sort((a, b) => a - b), body.length];
  return at.slice(1).map((end, index) => body.slice(at[index], end));
}

describe("encodeEnvelope(), encodeEnvelopes()", () => {
  it("puts one byte of flags and the length in big endian before a payload", () => {
    expect([...encodeEnvelope(bytes(7, 8))]).toEqual([0, 0, 0, 0, 2, 7, 8]);
    expect([...encodeEnvelope(new Uint8Array(0x01020304)).subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
  });

  it("writes several one after the other, and nothing for none", () => {
    expect([...encodeEnvelopes([bytes(1), bytes(), bytes(2, 3)])]).toEqual([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 3]);
    expect(encodeEnvelopes([])).toHaveLength(0);
  });
});

describe("payloadsOf()", () => {
  it("gives views on the chunk", () => {
    const chunk = encodeEnvelopes([bytes(1, 2), bytes(), bytes(3)]);
    const payloads = payloadsOf(chunk);
    expect(payloads.map((payload) => [...payload])).toEqual([[1, 2], [], [3]]);
    expect(payloads.every((payload) => payload.buffer === chunk.buffer)).toBe(true);
  });

  it.each([
    ["half a header", bytes(0, 0, 0)],
    ["less payload than announced", bytes(0, 0, 0, 0, 2, 1)],
    ["a length near 2^32", bytes(0, 255, 255, 255, 255)],
    ["a flag", bytes(1, 0, 0, 0, 0)],
  ])("refuses %s", (_, chunk) => {
    expect(() => payloadsOf(chunk)).toThrow(expect.objectContaining({ code: "protocol" }));
  });
});

describe("EnvelopeReader", () => {
  it("passes a chunk of whole envelopes on without copying", () => {
    const body = encodeEnvelopes([bytes(1), bytes(2)]);
    const [chunk] = readAll([body]).chunks;
    expect(chunk).toEqual(body);
    expect(chunk?.buffer).toBe(body.buffer);
  });

  it("joins an envelope that the network cut in a buffer of the exact size", () => {
    const body = encodeEnvelopes([bytes(1), bytes(2, 3, 4), bytes(5)]);
    const { chunks, messages } = readAll(cut(body, [8, 10, 12]));
    expect(messages).toEqual([[1], [2, 3, 4], [5]]);
    expect(chunks.map((chunk) => [chunk.length, chunk.buffer.byteLength])).toEqual([[6, 8], [8, 8], [6, 8]]);
  });

  it("takes the trailer frame off", () => {
    const { messages, trailer, error } = readAll([concatBytes([encodeEnvelope(bytes(1)), encodeTrailerFrame(bytes(65, 66))])]);
    expect({ messages, trailer: [...(trailer ?? [])], error }).toEqual({ messages: [[1]], trailer: [65, 66], error: undefined });
  });

  it("drops heartbeats, wherever they stand and however they are cut", () => {
    const body = concatBytes([heartbeatFrame(), encodeEnvelope(bytes(1)), heartbeatFrame(), heartbeatFrame(), encodeEnvelope(bytes(2))]);
    for (let place = 0; place <= body.length; place++) {
      expect(readAll(cut(body, [place])).messages).toEqual([[1], [2]]);
    }
  });

  it.each([
    ["a compressed message", bytes(1, 0, 0, 0, 1, 9), "protocol"],
    ["a compressed trailer frame", bytes(0x81, 0, 0, 0, 0), "protocol"],
    ["an unknown flag", bytes(4, 0, 0, 0, 0), "protocol"],
    ["a heartbeat with a payload", bytes(0x40, 0, 0, 0, 1, 0), "protocol"],
    ["a message above the limit", bytes(0, 0, 0, 3, 233), "resource_exhausted"],
    ["a message of 4 GiB", bytes(0, 255, 255, 255, 255), "resource_exhausted"],
    ["a trailer frame above 1 MiB", bytes(0x80, 0, 16, 0, 1), "resource_exhausted"],
  ])("refuses %s at its header, after the messages before it", (_, frame, code) => {
    const { messages, error } = readAll([concatBytes([encodeEnvelope(bytes(1)), frame])]);
    expect(messages).toEqual([[1]]);
    expect(error).toMatchObject({ code });
  });

  it("takes a message and a trailer frame of exactly the limit", () => {
    const { messages, error } = readAll([encodeEnvelope(new Uint8Array(1_000))]);
    expect(messages[0]).toHaveLength(1_000);
    expect(error).toBeUndefined();
    expect(readAll([encodeTrailerFrame(new Uint8Array(MAX_TRAILER_BYTES))]).error).toBeUndefined();
  });

  it.each([["a message", encodeEnvelope(bytes(1))], ["a heartbeat", heartbeatFrame()], ["one byte", bytes(0)], ["more trailers", encodeTrailerFrame(bytes())]])(
    "refuses %s after the trailer frame, in the same chunk or the next",
    (_, more) => {
      const trailers = encodeTrailerFrame(bytes(65));
      expect(readAll([concatBytes([trailers, more])]).error).toMatchObject({ code: "protocol" });
      expect(readAll([trailers, more]).error).toMatchObject({ code: "protocol" });
    },
  );

  it.each([1, 4, 5, 6])("says that the response ended in the middle of a message after %i bytes", (length) => {
    const { error } = readAll([encodeEnvelope(bytes(1, 2)).subarray(0, length)]);
    expect(error).toMatchObject({ code: "unavailable", applied: "unknown" });
  });

  it("throws the same again once it has failed, and keeps nothing", () => {
    const reader = new EnvelopeReader({ maxMessageBytes: 10 });
    const out: Uint8Array[] = [];
    expect(() => reader.push(bytes(9, 0, 0, 0, 0), out)).toThrow("unexpected flags 0x9 came");
    expect(() => reader.push(encodeEnvelope(bytes(1)), out)).toThrow("unexpected flags 0x9 came");
    expect(() => reader.end()).toThrow("unexpected flags 0x9 came");
    expect(out).toEqual([]);
  });

  it("has neither heartbeats nor trailer frames in plain gRPC", () => {
    expect(readAll([encodeEnvelope(bytes(1))], 10, "grpc").messages).toEqual([[1]]);
    expect(readAll([heartbeatFrame()], 10, "grpc").error).toMatchObject({ code: "protocol" });
    expect(readAll([encodeTrailerFrame(bytes())], 10, "grpc").error).toMatchObject({ code: "protocol" });
  });

  it("gives the same messages for any cut of a proper body", () => {
    const frames = fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }).map((payload) => ({ payload })), fc.constant({ payload: undefined })), { maxLength: 12 });
    const places = fc.array(fc.nat(600), { maxLength: 30 });
    fc.assert(fc.property(frames, fc.boolean(), places, (list, closed, at) => {
      const parts = list.map(({ payload }) => (payload === undefined ? heartbeatFrame() : encodeEnvelope(payload)));
      if (closed) parts.push(encodeTrailerFrame(bytes(1, 2, 3)));
      const { messages, trailer, error } = readAll(cut(concatBytes(parts), at));
      expect(error).toBeUndefined();
      expect(messages).toEqual(list.flatMap(({ payload }) => (payload === undefined ? [] : [[...payload]])));
      expect(trailer === undefined ? undefined : [...trailer]).toEqual(closed ? [1, 2, 3] : undefined);
    }), { seed, numRuns: 500 });
  });

  it("gives the same messages and the same error for any cut of any bytes", () => {
    const frame = fc.tuple(fc.constantFrom(0, 0, 0, 0x40, 0x80, 1, 7), fc.nat(30), fc.uint8Array({ maxLength: 30 }))
      .map(([flag, length, rest]) => concatBytes([bytes(flag, 0, 0, 0, length), rest]));
    const body = fc.oneof(fc.array(frame, { maxLength: 6 }).map(concatBytes), fc.uint8Array({ maxLength: 100 }));
    fc.assert(fc.property(body, fc.array(fc.nat(300), { maxLength: 20 }), (whole, at) => {
      const once = readAll([whole], 20);
      const pieces = readAll(cut(whole, at), 20);
      expect(pieces.messages).toEqual(once.messages);
      expect(String(pieces.error)).toBe(String(once.error));
      expect(once.error === undefined || isMillraceError(once.error)).toBe(true);
      expect(once.messages.every((message) => message.length <= 20)).toBe(true);
    }), { seed, numRuns: 1_000 });
  });

  it("never holds more than one message of the allowed size", () => {
    const sizes: number[] = [];
    const Original = globalThis.Uint8Array;
    const reader = new EnvelopeReader({ maxMessageBytes: 64 });
    globalThis.Uint8Array = new Proxy(Original, {
      construct(target, args: unknown[]) {
        if (typeof args[0] === "number") sizes.push(args[0]);
        return Reflect.construct(target, args) as object;
      },
    });
    try {
      expect(() => reader.push(bytes(0, 0, 0, 0, 65, 1), [])).toThrow("65 bytes");
      const patient = new EnvelopeReader({ maxMessageBytes: 64 });
      for (let i = 0; i < 50; i++) patient.push(i === 0 ? bytes(0, 0, 0, 0, 64) : bytes(1), []);
    } finally {
      globalThis.Uint8Array = Original;
    }
    expect(sizes).toContain(69);
    expect(Math.max(...sizes)).toBe(69);
  });
});

describe("parseTrailers()", () => {
  it("throws nothing but a MillraceError for any bytes", () => {
    const line = fc.tuple(fc.constantFrom("grpc-status", "GRPC-Message", "x-bin", "", "bad name", "ü"), fc.constantFrom(":", ": ", "", " : "), fc.string())
      .map(([name, colon, value]) => new TextEncoder().encode(`${name}${colon}${value}\r\n`));
    const block = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.array(line, { maxLength: 8 }).map(concatBytes));
    fc.assert(fc.property(block, (input) => {
      try {
        expect(typeof parseTrailers(input).status).toBe("number");
      } catch (error) {
        expect(isMillraceError(error)).toBe(true);
      }
    }), { seed, numRuns: 1_000 });
  });
});
