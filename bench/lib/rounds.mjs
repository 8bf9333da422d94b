import { BUDGET_MS, LEAST_ROUNDS, WARM_UPS } from "./settings.mjs";

/**
 * What one contestant did in one round.
 *
 * @typedef {{ ms: number, cpuMs?: number, checksum?: string }} Outcome
 */

/** What is kept of each round: how long it took by the clock of the settings. */
export const byClock = ({ clock }) => (clock === "cpu" ? ({ cpuMs }) => cpuMs : ({ ms }) => ms);

/**
 * Runs contestants in turn, round by round, so that whatever else the machine does meets all of them alike. The first
 * round is asked for `full` checksums; those that give one have to give the same.
 *
 * @param {Record<string, (full: boolean) => Promise<Outcome>>} contestants
 * @param {number} rounds At most; fewer when they take too long.
 * @param {(outcome: Outcome) => number} measured What is kept of each round; milliseconds by default.
 * @returns {Promise<Record<string, number[]>>} The measured rounds of each contestant.
 */
export async function interleaved(contestants, rounds, measured = ({ ms }) => ms) {
  const names = Object.keys(contestants);
  const kept = Object.fromEntries(names.map((name) => [name, []]));
  const started = performance.now();
  for (let round = 0; round < WARM_UPS + rounds; round++) {
    if (round >= WARM_UPS + LEAST_ROUNDS && performance.now() - started > BUDGET_MS) break;
    const outcomes = {};
    // Each round begins with another one, so that nobody always follows the same neighbour.
    for (const name of rotated(names, round)) outcomes[name] = await contestants[name](round === 0);
    assertSame(outcomes);
    if (round >= WARM_UPS) for (const name of names) kept[name].push(measured(outcomes[name]));
  }
  return kept;
}

/** @throws {Error} When two contestants read different things. */
export function assertSame(outcomes) {
  const summed = Object.entries(outcomes).filter(([, { checksum }]) => checksum !== undefined);
  const different = summed.find(([, { checksum }]) => checksum !== summed[0][1].checksum);
  if (different === undefined) return;
  throw new Error(`Not the same was read: ${summed[0][0]} has ${summed[0][1].checksum}; ${different[0]} has ${different[1].checksum}`);
}

function rotated(names, by) {
  const from = by % names.length;
  return [...names.slice(from), ...names.slice(0, from)];
}
