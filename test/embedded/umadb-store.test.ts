import { describe, expect, it } from "vitest";
import type { AppendRequest, Event } from "millrace/internal/gen/static/umadb/v1/umadb";
import { StatusError } from "../../server/embedded/service.js";
import { UmaDbStore } from "../../server/embedded/umadb/store.js";

const A = "11111111-1111-4111-8111-111111111111";
const B = "22222222-2222-4222-8222-222222222222";
const C = "33333333-3333-4333-8333-333333333333";

const event = (eventType: string, uuid = "", tags: string[] = ["t"]): Event => ({ eventType, tags, uuid, data: new Uint8Array([1]), metadata: [] });
const all = { items: [] };
const ofType = (...types: string[]) => ({ items: [{ types, tags: [] }] });

function append(store: UmaDbStore, events: Event[], more: Partial<AppendRequest> = {}): bigint {
  return store.append({ events, ...more });
}

function refused(act: () => unknown): { status: number; message: string } {
  try { act(); } catch (error) {
    if (error instanceof StatusError) return { status: error.status, message: error.message };
    throw error;
  }
  throw new Error("it was not refused");
}

const positions = (store: UmaDbStore, request: object): (bigint[] | bigint | undefined)[] =>
  [...store.read(request)].flatMap(({ events, head }) => [events.map(({ position }) => position), head]);

describe("UmaDbStore.append()", () => {
  it("counts positions from 1 and takes none for a refused append", () => {
    const store = new UmaDbStore();
    expect([store.head, append(store, [event("a")]), append(store, [event("b"), event("c")])]).toEqual([undefined, 1n, 3n]);
    expect(refused(() => append(store, [event("d")], { condition: { failIfEventsMatch: all } })).status).toBe(9);
    expect(append(store, [event("e")])).toBe(4n);
  });

  it("looks for a conflict past `after` only, and wraps 2^64 - 1 as the real server does", () => {
    const store = new UmaDbStore();
    append(store, [event("a"), event("b")]);
    const condition = (after?: bigint) => ({ condition: { failIfEventsMatch: ofType("b"), after } });
    expect(refused(() => append(store, [event("x")], condition(1n))).message).toMatch(/^integrity error: condition failed: /);
    expect(append(store, [event("x")], condition(2n))).toBe(3n);
    expect(refused(() => append(store, [event("x")], condition(2n ** 64n - 1n))).status).toBe(9);
    expect(append(store, [event("x")], condition(2n ** 64n - 2n))).toBe(4n);
  });

  it("answers a repeat, and a prefix of it, with the first positions", () => {
    const store = new UmaDbStore();
    const condition = { failIfEventsMatch: ofType("a") };
    const both = [event("a", A), event("a", B)];
    expect(append(store, both, { condition, trackingInfo: { source: "s", position: 5n } })).toBe(2n);
    expect(append(store, both, { condition, trackingInfo: { source: "s", position: 5n } })).toBe(2n);
    expect(append(store, [event("a", A.toUpperCase())], { condition })).toBe(1n);
    for (const wrong of [[event("a", B), event("a", A)], [event("a", A), event("a")], [event("a", B)], [...both, event("a", C)]]) {
      expect(refused(() => append(store, wrong, { condition })).status).toBe(9);
    }
    expect(append(store, [event("a", B)], { condition: { ...condition, after: 1n } })).toBe(2n);
    expect(store.head).toBe(2n);
  });

  it("refuses an empty list only where its condition matches, which ends the real server", () => {
    const store = new UmaDbStore();
    expect(append(store, [], { condition: { failIfEventsMatch: all }, trackingInfo: { source: "s", position: 1n } })).toBe(0n);
    expect(store.trackingPosition("s")).toBe(1n);
    append(store, [event("a")]);
    expect(refused(() => append(store, [], { condition: { failIfEventsMatch: all } })).status).toBe(3);
  });

  it("takes increasing tracking positions, 0 first, per source, and none from a refused append", () => {
    const store = new UmaDbStore();
    const track = (position: bigint, source = "s") => append(store, [event("a")], { trackingInfo: { source, position } });
    expect([track(0n), track(5n), track(0n, "other")]).toEqual([1n, 2n, 3n]);
    expect(refused(() => track(5n)).message).toBe("integrity error: condition failed: non-increasing tracking position for source 's': 5 <= 5");
    expect(refused(() => append(store, [event("a")], { condition: { failIfEventsMatch: all }, trackingInfo: { source: "s", position: 9n } })).status).toBe(9);
    expect(store.trackingPosition("s")).toBe(5n);
  });

  it("refuses what the real server refuses, in its words", () => {
    const store = new UmaDbStore();
    const text = (events: Event[], more: Partial<AppendRequest> = {}): string => refused(() => append(store, events, more)).message;
    expect(text([event("a", "no-uuid")])).toBe("deserialization error: Invalid UUID in Event");
    expect(text([event("a", "", ["x".repeat(5_000)])])).toBe("invalid argument: event too large for page size");
    expect(text([{ ...event("a"), metadata: [{ key: "k", value: "1" }, { key: "k", value: "2" }] }])).toBe("invalid argument: metadata contains duplicate keys");
    expect(text([{ ...event("a"), metadata: [{ key: "k", value: "v".repeat(65_536) }] }])).toContain("metadata value for key 'k' has length 65536 bytes");
    expect(text([event("a")], { trackingInfo: { source: "ü".repeat(128), position: 1n } })).toBe("invalid argument: tracking source too long (256 > 255)");
    expect(text([event("a", "", new Array<string>(65_536).fill(""))])).toContain("event has 65536 tags");
    expect(store.head).toBeUndefined();
  });
});

describe("UmaDbStore.read()", () => {
  const filled = (): UmaDbStore => {
    const store = new UmaDbStore();
    append(store, [event("a"), event("b"), event("a"), event("b")]);
    return store;
  };

  it("begins at `start`, inclusive both ways", () => {
    const store = filled();
    expect(positions(store, { start: 3n })).toEqual([[3n, 4n], 4n]);
    expect(positions(store, { start: 2n, backwards: true })).toEqual([[2n, 1n], 4n]);
    expect(positions(store, { start: 0n, backwards: true })).toEqual([[], 4n]);
    expect(positions(store, { start: 99n })).toEqual([[], 4n]);
    expect(positions(store, { start: 2n ** 64n - 1n, backwards: true, limit: 1 })).toEqual([[4n], 4n]);
  });

  it("tells the store's head without a limit, the last position with one, and nothing for limit 0", () => {
    const store = filled();
    expect(positions(store, { query: ofType("none") })).toEqual([[], 4n]);
    expect(positions(store, { limit: 2 })).toEqual([[1n, 2n], 2n]);
    expect(positions(store, { limit: 2, backwards: true })).toEqual([[4n, 3n], 3n]);
    expect(positions(store, { query: ofType("none"), limit: 1 })).toEqual([[], undefined]);
    expect(positions(store, { limit: 0 })).toEqual([]);
    expect(positions(new UmaDbStore(), {})).toEqual([[], undefined]);
  });

  it("makes messages of `batchSize`, at least 1, none of them empty", () => {
    const store = filled();
    expect(positions(store, { batchSize: 3 })).toEqual([[1n, 2n, 3n], 4n, [4n], 4n]);
    expect(positions(store, { batchSize: 0, limit: 2 })).toEqual([[1n], 1n, [2n], 2n]);
    expect(positions(store, { batchSize: 2 })).toHaveLength(4);
  });

  it("cuts a batch at 3.5 MiB, and only its last part has a head", () => {
    const store = new UmaDbStore();
    append(store, Array.from({ length: 5 }, () => ({ ...event("a"), data: new Uint8Array(1024 * 1024) })));
    expect([...store.read({})].map(({ events, head }) => [events.length, head])).toEqual([[3, undefined], [2, 5n]]);
  });

  it("refuses `subscribe`", () => {
    expect(refused(() => [...filled().read({ subscribe: true })])).toMatchObject({ status: 3, message: expect.stringContaining("subscribe") as string });
  });
});
