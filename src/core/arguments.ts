import { MillraceError, type SystemName } from "./errors.js";

/** A value's kind in the words of an error text; never the value itself, which may be a payload or a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return "an infinite number";
    if (!Number.isInteger(value)) return "a fractional number";
    return value < 0 ? "a negative number" : "a number";
  }
  if (typeof value === "bigint") return value < 0n ? "a negative bigint" : "a bigint";
  if (typeof value === "object") {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" && name !== "" && name !== "Object" ? `an object (${name})` : "an object";
  }
  if (typeof value === "string") return value === "" ? "an empty string" : "a string";
  return `a ${typeof value}`;
}

/**
 * The error for a wrong argument; nothing was sent.
 *
 * @param name The argument as the caller wrote it, with its path: `condition.after`, `events[3].uuid`.
 * @param rule What it must be: `must be a bigint from 0 to 2^64 - 1`.
 */
export function invalidArgument(name: string, value: unknown, rule: string, system?: SystemName): MillraceError {
  return new MillraceError("invalid_argument", `\`${name}\` ${rule}, got ${kindOf(value)}`, { system });
}
