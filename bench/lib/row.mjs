import { median, spreadOf } from "./statistics.mjs";

/** The runtime that a row was measured in, unless it says another one. */
export const NODE = `node ${process.versions.node}`;

/**
 * One line of the table: medians of the measured rounds, and how far these lie apart: (max - min) / median, the wider one
 * of both.
 *
 * @param {object} row
 * @param {string} row.name What `--only` takes.
 * @param {string} row.shape What was measured, against whom.
 * @param {number[]} row.ours
 * @param {number[]} [row.peer] Left out where there is nobody to compare with.
 * @param {string} row.unit
 * @param {string} [row.runtime]
 */
export function rowOf({ name, shape, ours, peer, unit, runtime = NODE }) {
  const all = peer === undefined ? [ours] : [ours, peer];
  return {
    name,
    shape,
    runtime,
    ours: rounded(median(ours)),
    peer: peer === undefined ? null : rounded(median(peer)),
    ratio: peer === undefined ? null : Number((median(ours) / median(peer)).toFixed(3)),
    spread: Number(Math.max(...all.map(spreadOf)).toFixed(3)),
    unit,
  };
}

/** Milliseconds of whole reads as thousands of events a second. */
export function speeds(milliseconds, events) {
  return milliseconds.map((ms) => events / ms);
}

/** Events of {@link speeds} by the clock of the settings: a second that passed, or one of a processor. */
export function speedUnit({ clock }) {
  return clock === "cpu" ? "kev/CPU s" : "kev/s";
}

function rounded(value) {
  return Number(value >= 1_000 ? value.toFixed(0) : value.toPrecision(4));
}
