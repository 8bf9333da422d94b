import type { GatewayLog } from "./log.js";

const PERIOD_MS = 1_000;

/**
 * Warns of what strangers can bring about at will: a line a second for each sentence, with the number of those that
 * were left out since. A log that is written as fast as somebody can be refused holds the whole gateway up.
 */
export class OccasionalWarnings {
  readonly #log: GatewayLog;
  readonly #now: () => number;
  readonly #said = new Map<string, { readonly atMs: number; omitted: number }>();

  /** @param now A clock in milliseconds that never goes back. */
  constructor(log: GatewayLog, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** @param kind Warnings of one kind stand for each other; there must be few kinds. */
  warn(kind: string, fields: object, text: string): void {
    const before = this.#said.get(kind);
    const nowMs = this.#now();
    if (before !== undefined && nowMs - before.atMs < PERIOD_MS) {
      before.omitted += 1;
      return;
    }
    this.#said.set(kind, { atMs: nowMs, omitted: 0 });
    this.#log.warn(before === undefined || before.omitted === 0 ? fields : { ...fields, omitted: before.omitted }, text);
  }
}
