import type { Position, RecordedEvent } from "./types.js";

/** How subscriptions compare where they are; `undefined` is before everything. */
export interface Place<P> {
  /** Where an event stands. */
  of(event: RecordedEvent<unknown>): P;
  /** Where a checkpoint of the server is. */
  atCheckpoint(position: Position): P;
  /** Whether `a` lies before `b`. */
  isBefore(a: P | undefined, b: P | undefined): boolean;
}

/** Places in one stream, which has no checkpoints. */
export const IN_STREAM: Place<bigint> = {
  of: ({ revision }) => revision,
  atCheckpoint: () => 0n,
  isBefore: (a, b) => b !== undefined && (a === undefined || a < b),
};

/** Places among all events. */
export const IN_ALL: Place<Position> = {
  of: ({ position }) => position,
  atCheckpoint: (position) => position,
  isBefore: (a, b) => b !== undefined && (a === undefined || a.commit < b.commit || (a.commit === b.commit && a.prepare < b.prepare)),
};
