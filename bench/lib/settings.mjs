/**
 * How much is measured.
 *
 * @typedef {object} Settings
 * @property {number} rounds Interleaved rounds; what is reported is their median.
 * @property {number} events Events in a read.
 * @property {"wall" | "cpu"} clock What speeds of readers are made of: time that passed, or processor time that the reader
 *   took, which other programs of a busy machine change far less.
 */

/** Of a run without options; the lines of docs/speed.md were measured with these. */
export const DEFAULTS = { rounds: 5, events: 200_000, clock: "wall" };

/** No further round begins after so many milliseconds, so that a busy machine gives a row within a minute too; {@link LEAST_ROUNDS} are always kept. */
export const BUDGET_MS = 40_000;

/** Fewer say nothing about how far they lie apart. */
export const LEAST_ROUNDS = 3;

/** Rounds before the measured ones: the first compares what was read byte by byte, all of them warm up. */
export const WARM_UPS = 2;
