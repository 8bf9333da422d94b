import { Subscribe_EventsStoreType as Start } from "../../gen/static/kubemq/kubemq.js";
import { record, wrong } from "./check.js";
import type { StartFrom } from "./types.js";

/** Where a call begins, as the wire says it. */
export interface WireStart {
  readonly type: Start;
  readonly value: bigint;
}

const MAX_INT64 = 2n ** 63n - 1n;

/**
 * Where the calls of a subscription begin while no event has been handled. A start that is counted from now is counted
 * from the first of them: what was published while a connection was lost is not new, but it was not there before.
 *
 * @throws {MillraceError} `invalid_argument`.
 */
export function toStart(from: StartFrom | undefined = "new", timeUnit: "ns" | "s"): (again: boolean) => WireStart {
  const at = (type: Start, value = 0n) => () => ({ type, value });
  if (from === "first") return at(Start.StartFromFirst);
  if (from === "last") return at(Start.StartFromLast);
  if (from === "new") {
    const ago = sinceNow(0);
    return (again) => (again ? ago() : { type: Start.StartNewOnly, value: 0n });
  }
  if (typeof from !== "object" || from === null || Object.keys(from).length !== 1) {
    throw wrong("options.from", from, 'must be "new", "first", "last", or an object with one of `sequence`, `time` and `agoMs`');
  }
  const { sequence, time, agoMs } = record(from, "options.from", ["sequence", "time", "agoMs"]);
  if (time !== undefined) {
    const ms = time instanceof Date ? time.getTime() : NaN;
    if (!(ms > 0 && ms <= 9e12)) throw wrong("options.from.time", time, "must be a Date after 1970");
    return at(Start.StartAtTime, timeUnit === "ns" ? BigInt(ms) * 1_000_000n : BigInt(Math.floor(ms / 1_000)));
  }
  if (agoMs !== undefined) {
    if (typeof agoMs !== "number" || !(agoMs > 0 && agoMs <= 1e12)) throw wrong("options.from.agoMs", agoMs, "must be a number of milliseconds above 0");
    return sinceNow(agoMs);
  }
  if (typeof sequence !== "bigint" || sequence < 1n || sequence > MAX_INT64) throw wrong("options.from.sequence", sequence, "must be a bigint from 1 to 2^63 - 1");
  return at(Start.StartAtSequence, sequence);
}

/** `agoMs` before now, whenever it is asked for; told as the seconds between, so that only the broker's clock counts. */
function sinceNow(agoMs: number): () => WireStart {
  let begun: number | undefined;
  return () => {
    begun ??= performance.now();
    return { type: Start.StartAtTimeDelta, value: BigInt(Math.max(1, Math.ceil((agoMs + performance.now() - begun) / 1_000))) };
  };
}
