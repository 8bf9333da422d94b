/**
 * How much is measured.
 *
 * @typedef {object} Settings
 * @property {number} rounds Interleaved rounds; what is reported is their median.
 * @property {number} events Events in a read.
 */

/** Of a run without options; the lines of docs/speed.md were measured with these. */
export const DEFAULTS = { rounds: 5, events: 200_000 };

/** Rounds before the measured ones: the first compares what was read byte by byte, all of them warm up. */
export const WARM_UPS = 2;
