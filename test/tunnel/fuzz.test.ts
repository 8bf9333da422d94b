import { describe, expect, it } from "vitest";
import { HeadReader } from "millrace/internal/carrier/tunnel-head";
import { isMillraceError, MillraceError } from "millrace/internal/core/errors";
import { EnvelopeReader } from "millrace/internal/wire/envelope-reader";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import { encodeHeaderBlock, HeaderBlockReader } from "millrace/internal/wire/header-block";
import { parseTrailers } from "millrace/internal/wire/trailers";
import { encodeYamuxHeader, YamuxError } from "millrace/internal/wire/yamux";
import { YamuxSession } from "millrace/internal/wire/yamux-session";

const FRAMES = process.env["MILLRACE_LONG"] === "1" ? 10_000_000 : 200_000;
const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(seed);
const below = (limit: number): number => Math.floor(random() * limit);
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)] as T;

/** A payload as calls have it, whole or spoilt in one place. */
function payload(): Uint8Array {
  const bytes = Buffer.concat([encodeHeaderBlock("/a.B/C", [["a", "b"]]), encodeEnvelope(new Uint8Array(below(40)))]).subarray(below(2) * below(30));
  if (below(3) === 0 && bytes.length > 0) bytes[below(bytes.length)] = below(256);
  return bytes;
}

/** A frame that is right more often than not, so that what follows it is looked at. */
function frame(): Uint8Array {
  const type = below(40) === 0 ? below(256) : below(4);
  const flags = below(40) === 0 ? below(65_536) : oneOf([0, 0, 1, 1, 2, 4, 8, 5]);
  const id = below(60) === 0 ? below(2 ** 32) : below(32) * 2 + 1;
  const body = type === 0 ? payload() : new Uint8Array(0);
  const length = type === 0 && below(60) > 0 ? body.length : oneOf([0, 1, 100, 1_000, 0xffff_ffff]);
  return Buffer.concat([encodeYamuxHeader(type, flags, id, length), body]);
}

describe("a tunnel's bytes", () => {
  it(`end in nothing but our error, and hold no more than they may: ${FRAMES} frames`, () => {
    let sessions = 0;
    let accepted = 0;
    let failures = 0;
    let session: YamuxSession | undefined;
    for (let n = 0; n < FRAMES; n++) {
      if (session === undefined) {
        sessions += 1;
        session = new YamuxSession({
          role: "server",
          send: () => undefined,
          maxStreams: 16,
          accept(stream) {
            accepted += 1;
            const head = new HeaderBlockReader();
            const envelopes = new EnvelopeReader({ maxMessageBytes: 64 });
            return {
              data(piece) {
                try {
                  envelopes.push(head.push(piece), []);
                  stream.consumed(piece.length);
                } catch (error) {
                  expect(isMillraceError(error)).toBe(true);
                  stream.reset();
                }
              },
              end: () => stream.end(),
              reset: () => undefined,
              drain: () => undefined,
            };
          },
        });
      }
      try {
        session.receive(frame());
      } catch (error) {
        expect(error).toBeInstanceOf(YamuxError);
        failures += 1;
        session = undefined;
      }
      expect(session?.openStreams ?? 0).toBeLessThanOrEqual(16);
    }
    // The frames are neither all wrong nor all right.
    expect([sessions > FRAMES / 100, failures < FRAMES / 2, accepted > FRAMES / 100]).toEqual([true, true, true]);
  }, 1_800_000);
});

/** A frame of gRPC-Web: a message, a heartbeat, trailers, or what is none of these. */
function webFrame(): Uint8Array {
  const flag = below(60) === 0 ? below(256) : oneOf([0, 0, 0, 0, 0, 0x40, 0x80]);
  const body = flag === 0x80 ? Buffer.from(oneOf(["grpc-status: 0\r\n", "grpc-status:7\r\ngrpc-message: %E4%zz\r\n", "a", "", "grpc-status: x\r\n"])) : new Uint8Array(flag === 0 ? below(40) : 0);
  const bytes = Buffer.alloc(5 + body.length);
  bytes[0] = flag;
  bytes.writeUInt32BE(below(100) === 0 ? oneOf([body.length + 1, 65, 0xffff_ffff]) : body.length, 1);
  bytes.set(body, 5);
  return bytes;
}

describe("a response's bytes, as gRPC-Web and in a tunnel", () => {
  it(`end in nothing but our error, and hold no more than they may: ${FRAMES} frames`, () => {
    const counts = { responses: 0, failures: 0, ended: 0, messages: 0 };
    for (let n = 0; n < FRAMES;) {
      counts.responses += 1;
      const head = new HeadReader({ MillraceError });
      const envelopes = new EnvelopeReader({ maxMessageBytes: 64 });
      const begins = encodeHeaderBlock(undefined, [["a", "b"]]);
      if (below(10) === 0) begins[below(begins.length)] = below(256);
      const frames = Array.from({ length: 1 + below(12) }, webFrame);
      n += frames.length;
      const body = Buffer.concat([begins, ...frames]);
      try {
        for (let at = 0; at < body.length;) {
          const end = at + 1 + below(60);
          const chunks: Uint8Array[] = [];
          envelopes.push(head.push(body.subarray(at, end)), chunks);
          for (const chunk of chunks) counts.messages += payloadsOf(chunk).length;
          at = end;
        }
        envelopes.end();
        if (envelopes.trailerBlock !== undefined) parseTrailers(envelopes.trailerBlock);
        counts.ended += 1;
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        counts.failures += 1;
      }
    }
    const { responses, failures, ended, messages } = counts;
    expect([failures > responses / 20, ended > responses / 20, messages > FRAMES / 10]).toEqual([true, true, true]);
  }, 1_800_000);
});
