import { isMillraceError, MillraceError, type Applied, type ErrorCode } from "../core/errors.js";
import type { ErrorReading } from "../carrier/connection.js";

/** Longer texts of the broker are cut. */
const MAX_TEXT = 1_024;

/** What the broker's numbered errors say; those between 101 and 207 that do not stand here refuse an argument. */
const NUMBERED: Readonly<Record<number, ErrorCode>> = {
  105: "internal", 123: "conflict", 124: "conflict", 125: "conflict", 126: "conflict", 128: "conflict", 129: "conflict", 130: "invalid_argument",
  137: "conflict", 138: "timeout", 301: "timeout", 302: "unavailable", 303: "internal", 409: "unavailable", 412: "permission_denied", 421: "unauthenticated",
};

/** What the texts without a number say. */
const TEXTS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^stan: clientID already registered|closed response|not found|^invalid n?ack sequence/, "conflict"],
  [/^stan: (invalid|durable)|^nats: invalid|^cannot .*(empty list|empty channel)|^(empty|no) messages /, "invalid_argument"],
  [/^nats: maximum payload/, "resource_exhausted"],
  [/^nats: connection closed|^context canceled/, "unavailable"],
  [/^request unknown/, "unsupported"],
];

/** Our code for an error text of the broker, which is all that it gives; `undefined` for one that says nothing. */
export function codeOfText(message: string): ErrorCode | undefined {
  const number = Number(/^Error (\d{3}):/.exec(message)?.[1] ?? 0);
  if (number !== 0) return NUMBERED[number] ?? (number < 300 && number !== 200 ? "invalid_argument" : undefined);
  return TEXTS.find(([pattern]) => pattern.test(message))?.[1];
}

/** Refusals: nothing was done. */
const REFUSALS: readonly ErrorCode[] = ["invalid_argument", "conflict", "permission_denied", "unauthenticated", "unsupported", "resource_exhausted"];

/**
 * The error for a text that stands in an answer.
 *
 * @param applied What is known of a call that was not plainly refused.
 */
export function errorOfText(message: string, applied: Applied): MillraceError {
  const code = codeOfText(message) ?? "internal";
  const text = message === "" ? "The broker did not take the message" : message.trim().slice(0, MAX_TEXT);
  return new MillraceError(code, text, { system: "kubemq", applied: REFUSALS.includes(code) ? "no" : applied });
}

/**
 * KubeMQ's reading of a status other than 0: most of its errors are INTERNAL, and only their numbered text says what
 * they are.
 */
export const toKubeMqError: ErrorReading = (trailers, _method, sent, general) => {
  const plain = general({ ...trailers, message: trailers.message.slice(0, MAX_TEXT) }, "kubemq", sent);
  const code = plain.code === "internal" ? codeOfText(plain.message) : undefined;
  if (code === undefined) return plain;
  const { message, reason, retryAfterMs } = plain;
  return new MillraceError(code, message, { system: "kubemq", applied: REFUSALS.includes(code) ? "no" : plain.applied, reason, retryAfterMs });
};

/** What may pass by itself; everything else ends a subscription. */
const PASSING: readonly string[] = ["unavailable", "timeout", "resource_exhausted", "internal"];

/** Whether trying again cannot mend `error`. */
export function isFinal(error: unknown): boolean {
  return !isMillraceError(error) || !PASSING.includes(error.code);
}
