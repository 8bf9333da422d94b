/** How pauses between tries grow. */
export interface Backoff {
  /** The first pause is random between 0 and this many milliseconds; it doubles with each failure. */
  readonly baseMs: number;
  /** No pause is longer, in milliseconds. */
  readonly maxMs: number;
}

/**
 * The pause after a number of failures in a row, in milliseconds: "full jitter", so that clients that failed together
 * do not come back together.
 *
 * @param failures 1 after the first.
 * @param random From 0 to 1.
 */
export function backoffMs(failures: number, { baseMs, maxMs }: Backoff, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** (failures - 1));
}
