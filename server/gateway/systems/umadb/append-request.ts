import { invalid, type Refusal } from "../../refusal.js";
import { protoFields } from "../proto-fields.js";

/** Field numbers of `umadb.v1.AppendRequest`, and of `after` in its condition. */
const EVENTS = 1;
const CONDITION = 2;
const AFTER = 2;
const LAST_POSITION = 2n ** 64n - 1n;

/**
 * Looks through a serialised AppendRequest for what would harm its server: no events at all (with a condition that
 * matches, the server dies), and `after` 2^64 - 1 (it wraps around and means the beginning). The bytes stay as they
 * are: every occurrence of a field is looked at, so it does not matter which one the server takes.
 */
export function refusalOfAppend(message: Uint8Array): Refusal | undefined {
  try {
    return harm(message);
  } catch {
    return invalid("The request message is no umadb.v1.AppendRequest");
  }
}

/** Whether an append has a condition, whose conflict can cost the connection that it is answered on. */
export function isConditional(message: Uint8Array): boolean {
  for (const { number, value } of protoFields(message)) {
    if (number === CONDITION && value instanceof Uint8Array) return true;
  }
  return false;
}

function harm(message: Uint8Array): Refusal | undefined {
  let events = 0;
  for (const { number, value } of protoFields(message)) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === EVENTS) events += 1;
    if (number === CONDITION && hasLastPosition(value)) return invalid("`condition.after` must be below 2^64 - 1");
  }
  return events === 0 ? invalid("`events` must hold at least one event") : undefined;
}

function hasLastPosition(condition: Uint8Array): boolean {
  for (const { number, value } of protoFields(condition)) {
    if (number === AFTER && value === LAST_POSITION) return true;
  }
  return false;
}
