// What the compiler must accept of the public types, and what it must refuse: each mark stands before a line that is wrong.
import { fromJson, isMillraceError, json, text, type Applied, type ErrorCode, type MillraceError } from "millrace";

export function codeOf(error: unknown): ErrorCode | undefined {
  // @ts-expect-error Nothing is known of it yet.
  void error.code;
  return isMillraceError(error) ? error.code : undefined;
}

export function conflictOf(error: unknown): MillraceError | undefined {
  // @ts-expect-error There is no such code.
  void isMillraceError(error, "no_such_code");
  return isMillraceError(error, "conflict") ? error : undefined;
}

export function appliedOf(error: MillraceError): Applied | undefined {
  // @ts-expect-error Errors are not changed.
  error.applied = "no";
  return error.applied;
}

export const payload: Uint8Array = json({ seat: 7 });
export const words: string = text(payload);
export const seat: { seat: number } = fromJson<{ seat: number }>(payload);
// @ts-expect-error It takes bytes.
export const wrong: string = text("words");
