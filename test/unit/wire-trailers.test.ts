import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeGrpcMessage, encodeGrpcMessage } from "millrace/internal/wire/grpc-message";
import { isProtocolHeader } from "millrace/internal/wire/header-names";
import { codeOfStatus, errorOfTrailers, leavesOpen, statusOfCode, statusOfHttp } from "millrace/internal/wire/status";
import { encodeGrpcTimeout, parseGrpcTimeout } from "millrace/internal/wire/timeout";
import { parseTrailers, serializeTrailers, trailersOfHeaders } from "millrace/internal/wire/trailers";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const block = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("parseTrailers()", () => {
  it.each([
    ["CRLF", "grpc-status: 9\r\ngrpc-message: no\r\nx: 1\r\n"],
    ["LF", "grpc-status: 9\ngrpc-message: no\nx: 1\n"],
    ["no space, and no end of the last line", "grpc-status:9\r\ngrpc-message:no\r\nx:1"],
    ["names in any case and many spaces", "Grpc-Status:   9  \r\n GRPC-MESSAGE : no\r\nX:\t1\r\n\r\n"],
  ])("reads lines with %s", (_, text) => {
    const { status, message, headers } = parseTrailers(block(text));
    expect({ status, message, x: headers.get("x") }).toEqual({ status: 9, message: "no", x: "1" });
  });

  it("joins repeated names and leaves binary values as text", () => {
    const { headers } = parseTrailers(block("grpc-status: 0\r\nx-bin: AAEC\r\nx-bin: /w\r\nv: a:b\r\n"));
    expect(headers.get("x-bin")).toBe("AAEC, /w");
    expect(headers.get("v")).toBe("a:b");
  });

  it("keeps each byte of a value as one character", () => {
    const text = block("grpc-status: 0\r\nx: ?\r\n");
    text[text.indexOf(0x3f)] = 0x9f;
    expect(parseTrailers(text).headers.get("x")).toBe("\u009f");
  });

  it.each([
    ["no status", "x: 1\r\n"],
    ["an empty block", ""],
    ["an empty status", "grpc-status:\r\n"],
    ["a status that is no number", "grpc-status: ok\r\n"],
    ["a negative status", "grpc-status: -1\r\n"],
    ["a status with a leading zero", "grpc-status: 00\r\n"],
    ["a status that comes twice", "grpc-status: 0\r\ngrpc-status: 0\r\n"],
    ["a line without a colon", "grpc-status: 0\r\nhello\r\n"],
    ["a name with a space", "grpc-status: 0\r\na b: 1\r\n"],
    ["a value with a zero byte", "grpc-status: 0\r\na: \0\r\n"],
  ])("refuses %s", (_, text) => {
    expect(() => parseTrailers(block(text))).toThrow(expect.objectContaining({ code: "protocol", applied: "unknown" }));
  });

  it("keeps a status that gRPC does not know", () => {
    expect(parseTrailers(block("grpc-status: 99\r\n")).status).toBe(99);
  });

  it("reads what serializeTrailers() writes", () => {
    const headers = new Headers({ "grpc-status": "7", "x-two": "a, b", "data-bin": "AAE" });
    const back = parseTrailers(serializeTrailers({ status: 3, message: "50 % of ü\n", headers }));
    expect({ ...back, headers: [...back.headers] }).toEqual({
      status: 3, message: "50 % of ü\n",
      headers: [["data-bin", "AAE"], ["grpc-message", "50 %25 of %C3%BC%0A"], ["grpc-status", "3"], ["x-two", "a, b"]],
    });
  });
});

describe("trailersOfHeaders()", () => {
  it("finds the status of an answer that has nothing else", () => {
    expect(trailersOfHeaders(new Headers({ "grpc-status": "5", "grpc-message": "gone%21" }))).toMatchObject({ status: 5, message: "gone!" });
  });

  it("is undefined without a status", () => {
    expect(trailersOfHeaders(new Headers({ "content-type": "application/grpc" }))).toBeUndefined();
  });
});

describe("decodeGrpcMessage()", () => {
  it.each([
    ["plain text", "hello", "hello"],
    ["percent-encoded UTF-8", "caf%C3%A9 %E2%82%AC", "café €"],
    ["lower-case digits", "%c3%a9", "é"],
    ["UTF-8 bytes as characters", "caf\u00c3\u00a9", "café"],
    ["a lone percent sign", "100% sure", "100% sure"],
    ["a percent sign at the end", "100%", "100%"],
    ["half an escape", "a%4", "a%4"],
    ["digits that are none", "%zz%GG", "%zz%GG"],
    ["bytes that are no UTF-8", "a%FFb", "a\ufffdb"],
    ["a byte order mark in the middle", "a%EF%BB%BFb", "a\ufeffb"],
    ["characters above one byte", "€%C3%A9", "€é"],
  ])("reads %s", (_, header, message) => {
    expect(decodeGrpcMessage(header)).toBe(message);
  });

  it("reads back every text that encodeGrpcMessage() wrote, which is printable ASCII", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const header = encodeGrpcMessage(text);
      expect(header).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeGrpcMessage(header)).toBe(text);
    }), { seed });
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => { decodeGrpcMessage(text); }), { seed });
  });
});

describe("encodeGrpcTimeout(), parseGrpcTimeout()", () => {
  it.each([[0, "0m"], [1, "1m"], [0.2, "1m"], [-5, "0m"], [30_000, "30000m"], [99_999_999, "99999999m"], [100_000_000, "100000S"], [2_147_483_647, "2147484S"], [1e12, "277778H"]])(
    "writes %f ms as %s", (ms, header) => {
      expect(encodeGrpcTimeout(ms)).toBe(header);
    });

  it.each([["1H", 3_600_000], ["2M", 120_000], ["3S", 3_000], ["250m", 250], ["1500u", 2], ["1n", 1], ["0n", 0], ["99999999H", 99_999_999 * 3_600_000]])(
    "reads %s as %i ms", (header, ms) => {
      expect(parseGrpcTimeout(header)).toBe(ms);
    });

  it.each(["", "1", "m", "-1m", "1.5S", "123456789m", "1s", "1 m", "1m "])("refuses %j", (header) => {
    expect(parseGrpcTimeout(header)).toBeUndefined();
  });
});

describe("a status", () => {
  it("has one of our codes, all of gRPC's and those it does not know", () => {
    expect(Array.from({ length: 18 }, (_, status) => codeOfStatus(status)).slice(1)).toEqual([
      "unavailable", "internal", "invalid_argument", "timeout", "not_found", "conflict", "permission_denied", "resource_exhausted",
      "conflict", "conflict", "invalid_argument", "unsupported", "internal", "unavailable", "data_loss", "unauthenticated", "protocol",
    ]);
  });

  it("says each of our codes, and is read as that code again where there is a status for it", () => {
    const codes = ["invalid_argument", "timeout", "not_found", "permission_denied", "resource_exhausted", "conflict", "unsupported", "internal", "unavailable", "data_loss", "unauthenticated", "protocol"] as const;
    expect(codes.map(statusOfCode)).toEqual([3, 4, 5, 7, 8, 9, 12, 13, 14, 15, 16, 13]);
    expect(codes.map(statusOfCode).map(codeOfStatus)).toEqual([...codes.slice(0, -1), "internal"]);
  });

  it("leaves open whether a write was applied, unless it refused it", () => {
    expect(Array.from({ length: 18 }, (_, status) => status).filter(leavesOpen)).toEqual([1, 2, 4, 8, 13, 14, 15, 17]);
  });

  it("comes from HTTP where that says something", () => {
    expect([401, 403, 404, 413, 429, 502, 503, 504].map(statusOfHttp)).toEqual([16, 7, 12, 8, 8, 14, 14, 14]);
    expect([200, 204, 400, 405, 415, 500, 501].map(statusOfHttp)).toEqual(Array(7).fill(undefined));
  });

  it("is an error that says what a gateway added", () => {
    const headers = new Headers({ "millrace-applied": "unknown", "millrace-reason": "upstream-lost", "millrace-retry-after-ms": "1500" });
    expect(errorOfTrailers({ status: 14, message: "lost", headers }, "umadb")).toMatchObject({
      code: "unavailable", message: "lost", system: "umadb", applied: "unknown", reason: "upstream-lost", retryAfterMs: 1_500,
    });
    const odd = new Headers({ "millrace-applied": "maybe", "millrace-retry-after-ms": "-1" });
    expect(errorOfTrailers({ status: 14, message: "", headers: odd }, undefined)).toMatchObject({
      message: "The call ended with gRPC status 14", applied: "no", reason: undefined, retryAfterMs: undefined,
    });
  });
});

describe("isProtocolHeader()", () => {
  it("is true for what HTTP and gRPC set themselves, and for nothing else", () => {
    const names = ["content-type", "te", "host", "grpc-timeout", "grpc-anything", ":path", "x-grpc-web", "millrace-heartbeat-ms", "authorization", "x-request-id", "millrace-upstream-authorization", "content-language"];
    expect(names.filter(isProtocolHeader)).toEqual(names.slice(0, 8));
  });
});
