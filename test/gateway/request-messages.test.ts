import fc from "fast-check";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { encodeEnvelope, encodeEnvelopes } from "millrace/internal/wire/frames";
import { RequestMessages } from "../../server/gateway/request-messages.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

function pushAll(messages: RequestMessages, pieces: Iterable<Uint8Array>): { out: Uint8Array[]; wrong: unknown } {
  const out: Uint8Array[] = [];
  for (const piece of pieces) {
    const wrong = messages.push(piece, out);
    if (wrong !== undefined) return { out, wrong };
  }
  return { out, wrong: undefined };
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] as number;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

describe("RequestMessages", () => {
  it("gives the same messages however the body is cut", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (payloads, sizes) => {
      const messages = new RequestMessages(1_000);
      const { out, wrong } = pushAll(messages, cut(encodeEnvelopes(payloads), sizes));
      expect(wrong).toBeUndefined();
      expect(out.map((message) => [...message])).toEqual(payloads.map((payload) => [...encodeEnvelope(payload)]));
      expect(messages.held).toBe(0);
    }), { seed, numRuns: 500 });
  });

  it("passes a whole message on without copying it", () => {
    const body = encodeEnvelopes([new Uint8Array([1]), new Uint8Array([2, 3])]);
    const { out } = pushAll(new RequestMessages(10), [body]);
    expect(out.map(({ buffer }) => buffer === body.buffer)).toEqual([true, true]);
  });

  it("sets nothing aside for what a header only announces", () => {
    const messages = new RequestMessages(16 * 1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    const kept = Array.from({ length: 200 }, () => new RequestMessages(16 * 1024 * 1024));
    for (const each of [...kept, messages]) pushAll(each, [new Uint8Array([0, 0, 255, 255, 255, 1])]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(kept.map(({ held }) => held)).toEqual(kept.map(() => 6));
  });

  it("holds a body that comes byte by byte in little more than its bytes", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const messages = new RequestMessages(16 * 1024 * 1024);
    pushAll(messages, [new Uint8Array([0, 0, 255, 255, 255])]);
    collect();
    const before = process.memoryUsage();
    const bytes = 300_000;
    for (let i = 0; i < bytes; i++) messages.push(new Uint8Array([i]), []);
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    expect(messages.held).toBe(bytes + 5);
    expect(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(30 * bytes); // kept as they came, they take 300 each
  });

  it.each([
    ["a compressed message", [1, 0, 0, 0, 1, 9], "compressed"],
    ["trailers", [0x80, 0, 0, 0, 0], "no message"],
    ["a heartbeat", [0x40, 0, 0, 0, 0], "no message"],
    ["more than is allowed", [0, 0, 0, 4, 1], "1025 bytes"],
  ])("refuses %s, whole or byte by byte", (_name, body, text) => {
    for (const size of [1, 100]) {
      const { out, wrong } = pushAll(new RequestMessages(1_024), cut(Uint8Array.from(body), [size]));
      expect(out).toEqual([]);
      expect(wrong).toMatchObject({ message: expect.stringContaining(text) as string });
    }
  });
});
