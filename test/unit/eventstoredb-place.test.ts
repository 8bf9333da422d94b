import { IN_ALL, IN_STREAM } from "millrace/internal/eventstoredb/place";
import { describe, expect, it } from "vitest";

/** In the order in which each place is to stand; `undefined` is before everything. */
const IN_ORDER = {
  "a stream": [IN_STREAM, [undefined, 0n, 1n, 2n ** 63n - 1n]],
  // Events of one transaction share a commit position, and are told apart by where each was prepared.
  "all events": [IN_ALL, [undefined, { commit: 0n, prepare: 0n }, { commit: 9n, prepare: 7n }, { commit: 9n, prepare: 9n }, { commit: 10n, prepare: 1n }]],
} as const;

describe.each(Object.entries(IN_ORDER))("places in %s", (_, [place, ordered]) => {
  const isBefore = place.isBefore as (a: unknown, b: unknown) => boolean;

  it("lie before those that come later, and before no other and not before themselves", () => {
    ordered.forEach((a, i) => ordered.forEach((b, j) => {
      expect(isBefore(a, b), `${i} before ${j}`).toBe(i < j);
    }));
  });
});
