import { MillraceError, type SystemName } from "./errors.js";

/** A value's kind in the words of an error text; never the value itself, which may be a payload or a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" && name !== "" && name !== "Object" ? `an object (${name})` : "an object";
  }
  if (value === "") return "an empty string";
  if (typeof value === "number" && !Number.isInteger(value)) return Number.isFinite(value) ? "a fractional number" : String(value);
  const negative = (typeof value === "number" || typeof value === "bigint") && value < 0;
  return `${negative ? "a negative" : "a"} ${typeof value}`;
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

/** The largest delay that timers take, in milliseconds. A longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Refuses what is no integer from `min` to `max`, both inclusive. */
export function checkInteger(name: string, value: unknown, min: number, max: number, system?: SystemName): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(name, value, `must be an integer from ${min} to ${max}`, system);
}

/** Looks at the value of an argument that is given, and throws what {@link invalidArgument} makes of a wrong one. */
export type Rule = (name: string, value: unknown, system: SystemName | undefined) => unknown;

/** The {@link checkInteger} of an option. The largest is by default the longest time that timers take. */
export function integerFrom(min: number, max = MAX_TIMER_MS): Rule {
  return (name, value, system) => checkInteger(name, value, min, max, system);
}

/** Refuses what is no function. */
export function checkFunction(name: string, value: unknown, system: SystemName | undefined): void {
  if (typeof value !== "function") throw invalidArgument(name, value, "must be a function", system);
}

/**
 * Refuses what is no object, and property names that nobody reads: a mistyped option must not be ignored silently.
 *
 * @param known The names that are read, or a rule for each of them (`undefined` where somebody else looks at it).
 * @param prefix What stands before a property's name in an error: `options.`, or nothing.
 */
export function checkOptions(name: string, value: unknown, known: readonly string[] | Readonly<Record<string, Rule | undefined>>, prefix: string, system?: SystemName): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidArgument(name, value, "must be an object", system);
  const rules = Array.isArray(known) ? undefined : (known as Readonly<Record<string, Rule | undefined>>);
  const names = rules === undefined ? (known as readonly string[]) : Object.keys(rules);
  for (const key of Object.keys(value)) {
    if (!names.includes(key)) throw new MillraceError("invalid_argument", `\`${prefix}${key}\` is no option, known are ${names.join(", ")}`, { system });
  }
  for (const key of names) {
    const given = (value as Readonly<Record<string, unknown>>)[key];
    if (given !== undefined) rules?.[key]?.(prefix + key, given, system);
  }
}

/** Whether `value` works as an AbortSignal; one of another frame or a polyfill does too. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener, removeEventListener } = Object(value) as Partial<AbortSignal>;
  return typeof aborted === "boolean" && typeof addEventListener === "function" && typeof removeEventListener === "function";
}

/** Refuses what does not work as an AbortSignal. */
export function checkSignal(name: string, value: unknown, system: SystemName | undefined): void {
  if (!isAbortSignal(value)) throw invalidArgument(name, value, "must be an AbortSignal", system);
}
