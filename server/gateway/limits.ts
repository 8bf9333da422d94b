import { invalidArgument, MAX_TIMER_MS } from "millrace/internal/core/arguments";

/** What one gateway lets its callers take. Every limit is a positive whole number. */
export interface Limits {
  /** The largest request message, in bytes; 16 MiB by default. */
  messageBytes: number;
  /** Request bytes of one connection that wait in the gateway, at most; 16 MiB by default. */
  waitingBytesPerConnection: number;
  /** Request bytes that wait in the gateway, at most, of all callers together; 64 MiB by default. */
  waitingBytes: number;
  /** Milliseconds in which the body of a call with one request message must be complete; 30 000 by default. */
  bodyTimeoutMs: number;
  /** Calls open on one connection at a time; 256 by default. */
  callsPerConnection: number;
  /** Calls open in one tunnel at a time; 1 024 by default. */
  callsPerTunnel: number;
  /** Conditional UmaDB appends under way at a time; the others wait. 8 by default. */
  conditionalAppends: number;
  /** How many of those one address may have while others want some too; 4 by default. Alone it may have all but one, and 1 while its appends are slow. */
  conditionalAppendsPerClient: number;
  /** Conditional UmaDB appends that wait, at most; 1 024 by default. */
  waitingAppends: number;
  /** Milliseconds that a caller may leave its response unread before the call is ended with `stalled`, or dropped when it has ended already; 30 000 by default. */
  stallMs: number;
  /** Calls of one address that may be left unread at the same time; beyond it the one unread longest is ended. 8 by default. */
  stalledCallsPerClient: number;
  /** Milliseconds that calls which end by themselves get when the gateway closes, 2 000 at most of them unread; 10 000 by default. */
  drainMs: number;
}

const MIB = 1024 * 1024;

const DEFAULTS: Limits = {
  messageBytes: 16 * MIB,
  waitingBytesPerConnection: 16 * MIB,
  waitingBytes: 64 * MIB,
  bodyTimeoutMs: 30_000,
  callsPerConnection: 256,
  callsPerTunnel: 1_024,
  conditionalAppends: 8,
  conditionalAppendsPerClient: 4,
  waitingAppends: 1_024,
  stallMs: 30_000,
  stalledCallsPerClient: 8,
  drainMs: 10_000,
};

/** The limits with every default filled in. */
export function resolveLimits(limits: Partial<Limits> = {}): Limits {
  const resolved = { ...DEFAULTS };
  for (const [name, value] of Object.entries(limits)) {
    if (!isLimit(name)) throw invalidArgument(`limits.${name}`, value, "is not a limit that exists");
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1 || value > MAX_TIMER_MS) {
      throw invalidArgument(`limits.${name}`, value, "must be a whole number from 1 to 2^31 - 1");
    }
    resolved[name] = value;
  }
  return resolved;
}

function isLimit(name: string): name is keyof Limits {
  return Object.hasOwn(DEFAULTS, name);
}
