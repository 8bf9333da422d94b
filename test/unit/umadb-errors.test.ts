import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import type { Applied, MillraceError } from "millrace";
import { toBase64 } from "millrace/internal/core/base64";
import { StatusSchema } from "millrace/internal/gen/es/google/rpc/status_pb";
import { ErrorResponseSchema } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { toAppendError } from "millrace/internal/umadb/append-errors";
import { appendTools } from "millrace/internal/umadb/append-tools";
import { toUmaDbError } from "millrace/internal/umadb/errors";
import { umadbMethods } from "millrace/internal/wire/methods";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { AppendConditionError, TrackingConflictError } from "millrace/umadb";
import { describe, expect, it } from "vitest";

interface Given {
  status: number;
  message?: string;
  details?: string;
  headers?: Record<string, string>;
  sent?: Applied;
}

function errorOf({ status, message = "", details, headers = {}, sent = "unknown" }: Given): MillraceError {
  const all = new Headers(headers);
  if (details !== undefined) all.set("grpc-status-details-bin", details);
  return toAppendError({ status, message, headers: all }, sent, errorOfTrailers, appendTools);
}

const raw = (message: string, errorType: number): Uint8Array => toBinary(ErrorResponseSchema, create(ErrorResponseSchema, { message, errorType }));
const wrapped = (status: number, message: string, errorType: number): Uint8Array =>
  toBinary(StatusSchema, create(StatusSchema, {
    code: status, message,
    details: [create(AnySchema, { typeUrl: "type.googleapis.com/umadb.v1.ErrorResponse", value: raw(message, errorType) })],
  }));
const bare = (bytes: Uint8Array): string => toBase64(bytes).replace(/=+$/, "");

const table: [string, number, number, string][] = [
  ["IO", 13, 0, "internal"],
  ["SERIALIZATION", 3, 1, "invalid_argument"],
  ["INTEGRITY", 9, 2, "conflict"],
  ["CORRUPTION", 15, 3, "data_loss"],
  ["INTERNAL", 13, 4, "internal"],
  ["AUTHENTICATION", 16, 5, "unauthenticated"],
  ["INVALID_ARGUMENT", 3, 6, "invalid_argument"],
];

// 43
describe("an error of the server", () => {
  it.each(table)("of type %s is told from its own bytes, from those in a google.rpc.Status, and from the code alone", (_, status, type, code) => {
    const message = `some error: type ${type}`;
    for (const details of [bare(raw(message, type)), toBase64(raw(message, type)), toBase64(wrapped(status, message, type)), undefined]) {
      expect(errorOf({ status, message, ...(details === undefined ? {} : { details }) })).toMatchObject({ code, message, system: "umadb" });
    }
  });

  it("is told by its type even where the code says something else", () => {
    expect(errorOf({ status: 2, message: "x", details: bare(raw("x", 2)) })).toBeInstanceOf(AppendConditionError);
    expect(errorOf({ status: 9, message: "x", details: bare(raw("x", 3)) })).toMatchObject({ code: "data_loss" });
  });

  it("without details is told by the code", () => {
    const codes: [number, string][] = [[1, "unavailable"], [2, "internal"], [4, "timeout"], [8, "resource_exhausted"], [11, "invalid_argument"], [12, "unsupported"], [14, "unavailable"]];
    for (const [status, code] of codes) expect(errorOf({ status })).toMatchObject({ code });
    expect(errorOf({ status: 9 })).toBeInstanceOf(AppendConditionError);
  });

  it("is not lost in details that nobody can read", () => {
    const garbage = ["", "!!", "AAAA", "gICA", "CAkS", "CgX/", bare(new Uint8Array(64).fill(0xff)), "a", bare(raw("", 3)), bare(Uint8Array.from([0x0a, 0x7f, 1]))];
    for (const details of garbage) expect(errorOf({ status: 9, message: "integrity error", details })).toMatchObject({ code: "conflict", message: "integrity error" });
  });

  it("of a type that is not known yet is told by the code", () => {
    expect(errorOf({ status: 15, message: "m", details: bare(raw("m", 99)) })).toMatchObject({ code: "data_loss" });
  });
});

describe("a conflict", () => {
  const prefix = "integrity error: condition failed: ";

  it("is of the condition or of the tracking position, by the words it begins with", () => {
    const message = `${prefix}non-increasing tracking position for source 'orders: 1 <= 2': 5 <= 6`;
    expect(errorOf({ status: 9, message, details: bare(raw(message, 2)) })).toMatchObject({ name: "TrackingConflictError", code: "conflict", recorded: 6n, applied: "no" });
    expect(errorOf({ status: 9, message, sent: "no" })).toBeInstanceOf(TrackingConflictError);
    const tricky = `${prefix}condition: DcbAppendCondition { tags: ["non-increasing tracking position for source 'x': 1 <= 2"] } matched: …`;
    expect(errorOf({ status: 9, message: tricky })).toBeInstanceOf(AppendConditionError);
    expect(errorOf({ status: 9, message: "Integrity error: condition failed: non-increasing tracking position for source 's'" })).toMatchObject({ name: "TrackingConflictError", recorded: undefined });
  });

  it("does not show the stored event, and has a text of at most 1 024 characters", () => {
    const message = `${prefix}condition: DcbAppendCondition { after: None } matched: DcbSequencedEvent { data: [115, 101, 99, 114, 101, 116], … }, `;
    const error = errorOf({ status: 9, message: "", details: bare(raw(message, 2)) });
    expect(error.message).toBe(`${prefix}condition: DcbAppendCondition { after: None }`);
    expect(errorOf({ status: 9, message: `${prefix}${"x".repeat(50_000)}` }).message).toHaveLength(1_024);
  });
});

describe("whether an append was applied", () => {
  it("is open after what a server says when it gave up, and closed after a bystander's failure", () => {
    expect(errorOf({ status: 13, message: "io error: disk full", sent: "unknown" })).toMatchObject({ code: "internal", applied: "unknown" });
    for (const message of ["cancelled by user", "io error: batch aborted due to internal error"]) {
      expect(errorOf({ status: 13, message, details: bare(raw(message, 0)) })).toMatchObject({ code: "unavailable", applied: "no" });
    }
  });

  it("is what a gateway says, where it says so", () => {
    const said = errorOf({ status: 14, message: "m", sent: "unknown", headers: { "millrace-applied": "no", "millrace-reason": "drain", "millrace-retry-after-ms": "250" } });
    expect(said).toMatchObject({ code: "unavailable", applied: "no", reason: "drain", retryAfterMs: 250 });
  });
});

describe("an error of a call that appends nothing", () => {
  it.each(table)("of type %s is told by its status, which always says the same", (_, status, type, code) => {
    const headers = new Headers({ "grpc-status-details-bin": bare(raw("m", type)) });
    expect(toUmaDbError({ status, message: "m", headers }, umadbMethods.read, "no", errorOfTrailers)).toMatchObject({ code, message: "m", system: "umadb", applied: "no" });
  });

  it("has a text of at most 1 024 characters", () => {
    expect(toUmaDbError({ status: 15, message: "x".repeat(50_000), headers: new Headers() }, umadbMethods.read, "no", errorOfTrailers).message).toHaveLength(1_024);
  });
});
