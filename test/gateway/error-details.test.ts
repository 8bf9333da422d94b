import { describe, expect, it } from "vitest";
import { Status } from "millrace/internal/gen/static/google/rpc/status";
import { ErrorResponse, ErrorResponse_ErrorType } from "millrace/internal/gen/static/umadb/v1/umadb";
import { presentTrailers } from "../../server/gateway/systems/umadb/error-details.js";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");

function present(message: string, details?: string) {
  return presentTrailers({ "grpc-status": "9", "grpc-message": encodeURIComponent(message), "grpc-status-details-bin": details, "my-trailer": "kept" });
}

const CONFLICT = "integrity error: condition failed: condition: DcbAppendCondition { after: Some(3) } matched: DcbSequencedEvent { data: [115, 101, 99] }, ";

describe("presentTrailers", () => {
  it("leaves a call that ended well alone", () => {
    const trailers = { "grpc-status": "0", "my-trailer": "kept" };
    expect(presentTrailers(trailers)).toBe(trailers);
  });

  it("puts the error's type where every gRPC client finds it, and drops what the store holds", () => {
    const raw = base64(ErrorResponse.encode({ message: CONFLICT, errorType: ErrorResponse_ErrorType.INTEGRITY }).finish());
    const trailers = present(CONFLICT, raw);
    const status = Status.decode(Buffer.from(String(trailers["grpc-status-details-bin"]), "base64"));
    const expected = "integrity error: condition failed: condition: DcbAppendCondition { after: Some(3) }";
    expect(status).toMatchObject({ code: 9, message: expected });
    expect(ErrorResponse.decode(status.details[0]?.value as Uint8Array)).toEqual({ message: expected, errorType: ErrorResponse_ErrorType.INTEGRITY });
    expect(decodeURIComponent(String(trailers["grpc-message"]))).toBe(expected);
    expect(trailers["my-trailer"]).toBe("kept");
  });

  it.each([["none", undefined], ["no base64", "!!"], ["no ErrorResponse", base64(new Uint8Array([0x0a, 50, 1]))], ["empty", ""]])(
    "keeps status and text when the details are %s, and still drops what the store holds", (_what, details) => {
      const trailers = present(CONFLICT, details);
      expect(trailers["grpc-status"]).toBe("9");
      expect(trailers["grpc-status-details-bin"]).toBeUndefined();
      expect(String(trailers["grpc-message"])).not.toContain("matched");
    });

  it("cuts a text to 1 024 characters", () => {
    expect(decodeURIComponent(String(present("x".repeat(5_000))["grpc-message"])).length).toBe(1_024);
    expect(() => present(`${"x".repeat(1_023)}😀`)).not.toThrow();
  });
});
