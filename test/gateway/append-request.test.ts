import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppendRequest } from "millrace/internal/gen/static/umadb/v1/umadb";
import { isConditional, refusalOfAppend } from "../../server/gateway/systems/umadb/append-request.js";

const event = fc.record({
  eventType: fc.string(),
  tags: fc.array(fc.string(), { maxLength: 3 }),
  data: fc.uint8Array({ maxLength: 40 }),
  uuid: fc.string(),
  metadata: fc.array(fc.record({ key: fc.string(), value: fc.string() }), { maxLength: 2 }),
});
const position = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n));
const request = fc.record({
  events: fc.array(event, { maxLength: 3 }),
  condition: fc.option(fc.record({
    failIfEventsMatch: fc.option(fc.record({ items: fc.array(fc.record({ types: fc.array(fc.string()), tags: fc.array(fc.string()) }), { maxLength: 2 }) }), { nil: undefined }),
    after: fc.option(position, { nil: undefined }),
  }), { nil: undefined }),
  trackingInfo: fc.option(fc.record({ source: fc.string(), position }), { nil: undefined }),
});
const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 2 ** 31);

describe(`refusalOfAppend() and isConditional() (seed ${seed})`, () => {
  it("sees what a decoder sees, for every append", () => {
    fc.assert(fc.property(request, (append) => {
      const message = AppendRequest.encode(append).finish();
      const harmful = append.events.length === 0 || append.condition?.after === 2n ** 64n - 1n;
      expect(refusalOfAppend(message) !== undefined).toBe(harmful);
      expect(isConditional(message)).toBe(append.condition !== undefined);
    }), { seed, numRuns: 500 });
  });

  it("looks at every occurrence of the condition, since a server merges them", () => {
    const condition = [0x12, 11, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const innocent = [0x12, 2, 0x10, 0x05];
    for (const order of [[...condition, ...innocent], [...innocent, ...condition]]) {
      expect(refusalOfAppend(new Uint8Array([0x0a, 0, ...order]))).toMatchObject({ status: 3 });
    }
    const twice = new Uint8Array([0x0a, 0, ...innocent, ...innocent]);
    expect(refusalOfAppend(twice)).toBeUndefined();
    expect(isConditional(twice)).toBe(true);
  });

  it("refuses bytes that are no message, and throws for none", () => {
    for (const bytes of [[0x0a], [0x0a, 5, 1], [0x0b], [0xff], Array(11).fill(0xff), [0x0a, 0, 0x12, 0xff, 0xff]]) {
      expect(refusalOfAppend(new Uint8Array(bytes))).toMatchObject({ status: 3 });
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void refusalOfAppend(bytes)), { seed, numRuns: 500 });
  });
});
