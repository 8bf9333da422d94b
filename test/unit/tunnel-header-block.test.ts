import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMillraceError } from "millrace/internal/core/errors";
import { encodeHeaderBlock, HeaderBlockReader, MAX_HEADER_BLOCK_BYTES, type HeaderBlock } from "millrace/internal/wire/header-block";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** A block as it stands on the wire, whatever is wrong with it. */
function raw(text: string): Uint8Array {
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt32BE(text.length);
  bytes.write(text, 4, "latin1");
  return bytes;
}

function read(bytes: Uint8Array): HeaderBlock | undefined {
  const reader = new HeaderBlockReader();
  reader.push(bytes);
  return reader.block;
}

function refusal(act: () => unknown): string {
  try { act(); } catch (error) {
    if (isMillraceError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("encodeHeaderBlock()", () => {
  it("writes the length, the path and a line a header, names in lower case", () => {
    const bytes = encodeHeaderBlock("/a.B/C", [["X-One", "1"], ["two", "b\xe4"]]);
    const text = ":path: /a.B/C\r\nx-one: 1\r\ntwo: b\xe4\r\n";
    expect(Buffer.from(bytes).toString("latin1")).toBe(`\0\0\0${String.fromCharCode(text.length)}${text}`);
  });

  it("is four zero bytes where there is nothing to say", () => {
    expect([...encodeHeaderBlock(undefined, [])]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ["a line break in a value", undefined, [["a", "b\r\nc: d"]]],
    ["a line feed in a value", undefined, [["a", "b\nc"]]],
    ["NUL in a value", undefined, [["a", "b\0"]]],
    ["a value outside Latin-1", undefined, [["a", "€"]]],
    ["a name with a blank", undefined, [["a b", "c"]]],
    ["an empty name", undefined, [["", "c"]]],
    ["a header of HTTP", undefined, [["Host", "c"]]],
    ["a pseudo-header", undefined, [[":authority", "c"]]],
    ["a path with a blank", "/a b", []],
    ["a path without a slash", "a", []],
  ] as [string, string | undefined, [string, string][]][])("refuses %s and shows no value", (_name, path, headers) => {
    expect(refusal(() => encodeHeaderBlock(path, headers))).toMatch(/^invalid_argument: The call cannot be sent: /);
  });

  it("refuses more than 16 KiB", () => {
    const room = MAX_HEADER_BLOCK_BYTES - "a: \r\n".length;
    expect(encodeHeaderBlock(undefined, [["a", "x".repeat(room)]])).toHaveLength(4 + MAX_HEADER_BLOCK_BYTES);
    expect(refusal(() => encodeHeaderBlock(undefined, [["a", "x".repeat(room + 1)]]))).toContain("resource_exhausted: A header block has 16385 bytes");
  });
});

describe("HeaderBlockReader", () => {
  it("gives what it was given, the rest of the bytes included", () => {
    const block = encodeHeaderBlock("/a.B/C", [["a", "1"], ["a", "2"], ["authorization", "Bearer x"]]);
    const reader = new HeaderBlockReader();
    expect([...reader.push(Buffer.concat([block, Buffer.from([7, 8, 9])]))]).toEqual([7, 8, 9]);
    expect(reader.block).toEqual({ path: "/a.B/C", headers: [["a", "1"], ["a", "2"], ["authorization", "Bearer x"]] });
    expect([...reader.push(Buffer.from([1]))]).toEqual([1]);
  });

  it("takes blanks around a value away, as HTTP does", () => {
    expect(read(raw("a:\t b c \r\n"))?.headers).toEqual([["a", "b c"]]);
  });

  it.each([
    ["a pseudo-header other than :path", ":method: POST\r\n"],
    [":path twice", ":path: /a\r\n:path: /a\r\n"],
    [":path after a header", "a: 1\r\n:path: /a\r\n"],
    [":path with a blank", ":path: /a b\r\n"],
    [":path that is relative", ":path: a\r\n"],
    ["host", "host: a\r\n"],
    ["te", "te: trailers\r\n"],
    ["connection", "connection: close\r\n"],
    ["transfer-encoding", "transfer-encoding: chunked\r\n"],
    ["content-length", "content-length: 1\r\n"],
    ["upper case", "Authorization: a\r\n"],
    ["a bare carriage return", "a: b\rc\r\n"],
    ["a bare line feed", "a: b\nc: d\r\n"],
    ["NUL", "a: b\0\r\n"],
    ["a blank before the colon", "a : b\r\n"],
    ["a line without a colon", "a\r\n"],
    ["an empty line", "\r\n"],
    ["a folded line", "a: b\r\n c\r\n"],
    ["a last line without an end", "a: b"],
    ["two authorizations", "authorization: a\r\nauthorization: b\r\n"],
    ["two grpc-timeouts", "grpc-timeout: 1S\r\ngrpc-timeout: 2S\r\n"],
    ["two upstream credentials", "millrace-upstream-authorization: a\r\nmillrace-upstream-authorization: b\r\n"],
  ])("refuses %s", (_name, text) => {
    expect(refusal(() => read(raw(text)))).toMatch(/^protocol: A header block is malformed: /);
  });

  it("refuses a length above 16 KiB before it holds anything of it", () => {
    expect(refusal(() => read(new Uint8Array([0, 0, 0x40, 1])))).toContain("resource_exhausted");
    expect(read(new Uint8Array([0, 0, 0x40, 0]))).toBeUndefined();
  });

  it("gives the same wherever the bytes are cut", () => {
    const name = fc.stringMatching(/^x-[a-z0-9]{1,8}$/);
    const value = fc.stringMatching(/^([!-~\xa1-\xff]([ -~\xa1-\xff]{0,20}[!-~\xa1-\xff])?)?$/);
    fc.assert(fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.uint8Array({ maxLength: 30 }), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (headers, body, cuts) => {
      const bytes = Buffer.concat([encodeHeaderBlock("/a.B/C", headers), body]);
      const reader = new HeaderBlockReader();
      const rest: number[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const end = at + (cuts[i % cuts.length] as number);
        rest.push(...reader.push(bytes.subarray(at, end)));
        at = end;
      }
      expect(reader.block).toEqual({ path: "/a.B/C", headers });
      expect(rest).toEqual([...body]);
    }), { seed, numRuns: 300 });
  });

  it("throws nothing but our error, whatever comes", () => {
    const piece = fc.oneof(fc.constantFrom(":path: /a", "\r\n", ": ", "a", "authorization", "\r", "\n", "\0", " "), fc.string({ maxLength: 4, unit: "binary-ascii" }));
    fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const reader = new HeaderBlockReader();
      try {
        reader.push(raw(pieces.join("")));
        for (const [name, value] of reader.block?.headers ?? []) {
          expect(name).toMatch(/^[^\sA-Z:]+$/);
          expect(value).not.toMatch(/[\r\n\0]/);
        }
      } catch (error) {
        expect(isMillraceError(error, "protocol")).toBe(true);
      }
    }), { seed, numRuns: 5_000 });
  });
});
