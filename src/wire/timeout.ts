const MAX_DIGITS = 99_999_999;

/** Milliseconds in each unit of a `grpc-timeout` header. */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** A `grpc-timeout` header for `timeoutMs` (0 or more): at most eight digits and a unit, rounded up where it must be. */
export function encodeGrpcTimeout(timeoutMs: number): string {
  const ms = Math.max(0, Math.ceil(timeoutMs));
  if (ms <= MAX_DIGITS) return `${ms}m`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds <= MAX_DIGITS ? `${seconds}S` : `${Math.min(Math.ceil(seconds / 3_600), MAX_DIGITS)}H`;
}

/**
 * The milliseconds of a `grpc-timeout` header, rounded up to whole ones.
 *
 * @returns `undefined` when it is malformed.
 */
export function parseGrpcTimeout(header: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  if (match === null) return undefined;
  return Math.ceil(Number(match[1]) * (UNITS[match[2] as string] as number));
}
