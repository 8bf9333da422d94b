import { invalid, type Refusal } from "../refusal.js";
import { protoFields } from "./proto-fields.js";

/** What the gateway must know of an append before it sends it. */
export interface AppendFacts {
  /** Whether it has a condition, whose conflict can cost the connection it is answered on. */
  readonly conditional: boolean;
}

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
export function inspectAppend(message: Uint8Array): AppendFacts | Refusal {
  try {
    return inspect(message);
  } catch {
    return invalid("The request message is no umadb.v1.AppendRequest");
  }
}

/** Tells the two outcomes of {@link inspectAppend} apart. */
export function isRefusal(facts: AppendFacts | Refusal): facts is Refusal {
  return "status" in facts;
}

function inspect(message: Uint8Array): AppendFacts | Refusal {
  let events = 0;
  let conditional = false;
  for (const { number, value } of protoFields(message)) {
    if (number === EVENTS && value instanceof Uint8Array) events += 1;
    if (number !== CONDITION || !(value instanceof Uint8Array)) continue;
    conditional = true;
    if (hasLastPosition(value)) return invalid("`condition.after` must be below 2^64 - 1");
  }
  return events === 0 ? invalid("`events` must hold at least one event") : { conditional };
}

function hasLastPosition(condition: Uint8Array): boolean {
  for (const { number, value } of protoFields(condition)) {
    if (number === AFTER && value === LAST_POSITION) return true;
  }
  return false;
}
