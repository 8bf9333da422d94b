import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "millrace";
import { encodeHead, HeadReader } from "millrace/internal/carrier/tunnel-head";
import { encodeHeaderBlock, HeaderBlockReader } from "millrace/internal/wire/header-block";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const tools = { MillraceError };
const characters = (ranges: [number, number][]): fc.Arbitrary<string> =>
  fc.oneof(...ranges.map(([from, to]) => fc.integer({ min: from, max: to }))).map((code) => String.fromCharCode(code));
const value = fc.string({ unit: characters([[0x20, 0x7e], [0x80, 0xff]]), maxLength: 40 }).map((text) => text.trim());
const name = fc.string({ unit: characters([[0x61, 0x7a], [0x30, 0x39]]), minLength: 1, maxLength: 12 }).map((text) => `x-${text}`);
const headers = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 8 });

/** Bytes in pieces, cut as the numbers say. */
function* pieces(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (const size of cuts) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

function failure(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

describe("the page's heads and the gateway's header blocks", () => {
  it("are the same bytes: what a page sends, the gateway reads", () => {
    fc.assert(fc.property(headers, (given) => {
      const reader = new HeaderBlockReader();
      expect(reader.push(encodeHead("/a.B/C", new Headers(given), tools))).toHaveLength(0);
      expect(reader.block?.path).toBe("/a.B/C");
      expect(new Headers(reader.block?.headers as [string, string][])).toEqual(new Headers(given));
    }), { seed, numRuns: 300 });
  });

  it("are the same bytes: what the gateway sends, a page reads, cut anywhere, and no byte more", () => {
    fc.assert(fc.property(headers, fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), (given, cuts) => {
      const reader = new HeadReader(tools);
      const rest: number[] = [];
      for (const piece of pieces(new Uint8Array([...encodeHeaderBlock(undefined, given), 1, 2, 3]), cuts)) rest.push(...reader.push(piece));
      expect(rest).toEqual([1, 2, 3]);
      expect([...(reader.headers as Headers)]).toEqual([...new Headers(given)]);
    }), { seed, numRuns: 300 });
  });

  it("are refused above 16 KiB, before anything is sent and before anything is kept", () => {
    const large = new Headers({ a: "x".repeat(16 * 1024) });
    expect(failure(() => encodeHead(undefined, large, tools))).toMatchObject({ code: "resource_exhausted", applied: "no" });
    expect(failure(() => new HeadReader(tools).push(new Uint8Array([0, 0, 0x40, 1])))).toMatchObject({ code: "resource_exhausted", applied: "unknown" });
  });

  it.each(["", "no-slash", "/a b", "/a\r\nb: c", "/ä"])("are refused with %j as a path", (path) => {
    expect(failure(() => encodeHead(path, new Headers(), tools))).toMatchObject({ code: "invalid_argument", applied: "no" });
  });

  it.each(["a: b", "a\r\n", "a b: c\r\n", ": c\r\n", "a: \0\r\n"])("are malformed with %j", (text) => {
    const bytes = new Uint8Array([0, 0, 0, text.length, ...new TextEncoder().encode(text)]);
    expect(failure(() => new HeadReader(tools).push(bytes))).toMatchObject({ code: "protocol", applied: "unknown" });
  });
});
