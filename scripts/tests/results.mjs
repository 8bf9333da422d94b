// @ts-check
import { existsSync, readFileSync } from "node:fs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * Reads what Vitest's JSON reporter wrote. Whatever cannot be counted as a test but went wrong counts as one failure:
 * a file that does not load, a rejection that nobody handled, a run that ended before it reported.
 *
 * @param {string} file
 * @param {number} exitCode Vitest's.
 * @returns {Counts}
 */
export function countsIn(file, exitCode) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(file, "utf8"));
  const broken = report.testResults.filter(
    (/** @type {any} */ { status, assertionResults }) => status === "failed" && !assertionResults.some((/** @type {any} */ test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** @param {readonly Counts[]} all @returns {Counts} */
export function sum(all) {
  return all.reduce((total, counts) => ({
    passed: total.passed + counts.passed,
    failed: total.failed + counts.failed,
    skipped: total.skipped + counts.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** @param {Counts} counts */
export function lineOf({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
