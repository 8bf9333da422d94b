/**
 * A stored message as it travels, and as the database is asked for it: every value as text, in this order. `data` and
 * `metadata` are JSON text, or `null` where there is none; positions are decimal; the time is in microseconds since 1970.
 */
export type MessageRow = readonly [
  id: string,
  stream: string,
  type: string,
  position: string,
  globalPosition: string,
  data: string | null,
  metadata: string | null,
  timeMicros: string,
];
