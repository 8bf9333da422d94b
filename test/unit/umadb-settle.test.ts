import fc from "fast-check";
import { MillraceError } from "millrace";
import type { AppendRequest, Event } from "millrace/internal/gen/static/umadb/v1/umadb";
import { settleAppend, type SettledAppend, type UnsettledAppend } from "millrace/internal/umadb/settle";
import { AppendConditionError } from "millrace/umadb";
import { describe, expect, it } from "vitest";
import { UmaDbModel } from "../support/umadb-model.js";

const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const event = (eventType: string, tags: string[], id?: number): Event => ({ eventType, tags, data: new Uint8Array([1]), uuid: id === undefined ? "" : uuid(id), metadata: [] });
const items = (...tags: string[]) => ({ items: tags.map((tag) => ({ types: [], tags: [tag] })) });
const request = (events: Event[], condition: AppendRequest["condition"]): AppendRequest => ({ events, condition });

interface Settling extends Partial<UnsettledAppend> {
  between?: () => void;
}

function settle(store: UmaDbModel, request: AppendRequest, options: Settling = {}): Promise<SettledAppend> {
  const { between = () => {}, ...rest } = options;
  return settleAppend({
    request, answered: false,
    read: (query) => store.read(query, between),
    append: async (again) => store.append(again),
    ...rest,
  });
}

function storeOf(...events: Event[]): UmaDbModel {
  const store = new UmaDbModel();
  if (events.length > 0) store.append(request(events, undefined));
  return store;
}

const refuse = (): never => { throw new Error("must not be sent again"); };

describe("settleAppend()", () => {
  it("finds an append that was stored, by its uuids, and gives its last position", async () => {
    const store = storeOf(event("Before", ["t"]));
    const lost = request([event("A", ["t"], 1), event("B", ["t"], 2)], { failIfEventsMatch: items("t"), after: 1n });
    store.append(lost);
    store.append(request([event("After", ["t"])], undefined));
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "applied", position: 3n });
  });

  it("finds it although its events do not match their own condition", async () => {
    const store = storeOf();
    const lost = request([event("A", ["other"], 1)], { failIfEventsMatch: items("t") });
    store.append(lost);
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "applied", position: 1n });
  });

  it("knows it by uuids in any spelling", async () => {
    const store = storeOf();
    store.append(request([event("A", ["t"], 0xabc)], undefined));
    const spelt = { ...event("A", ["t"]), uuid: `{${uuid(0xabc).toUpperCase()}}` };
    expect(await settle(store, request([spelt], { failIfEventsMatch: items("t") }), { append: refuse })).toEqual({ outcome: "applied", position: 1n });
  });

  it("is a conflict when somebody else's event breaks the condition and none of ours came before", async () => {
    const store = storeOf(event("Theirs", ["t"], 9));
    for (const tags of [["t"], ["other"]]) {
      expect(await settle(store, request([event("A", tags, 1)], { failIfEventsMatch: items("t") }), { append: refuse })).toEqual({ outcome: "conflict" });
    }
  });

  it("sends it once more when nothing is there and the events match their condition", async () => {
    const store = storeOf(event("Before", ["t"]));
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t"), after: 1n });
    let sent = 0;
    const settled = await settle(store, lost, { append: async (again) => { sent++; return store.append(again); } });
    expect(settled).toEqual({ outcome: "applied", position: 2n });
    expect(sent).toBe(1);
  });

  it("does not send it again when an event does not match the condition", async () => {
    const store = storeOf(event("Before", ["t"]));
    const lost = request([event("A", ["t"], 1), event("B", ["other"], 2)], { failIfEventsMatch: items("t"), after: 1n });
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "unknown" });
  });

  it("does not send it again when an event has no uuid", async () => {
    const store = storeOf(event("Before", ["t"]));
    const lost = request([event("A", ["t"], 1), event("A", ["t"])], { failIfEventsMatch: items("t"), after: 1n });
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "unknown" });
  });

  it("leaves it unknown when an event that may be ours has no uuid", async () => {
    const lost = request([event("A", ["t"])], { failIfEventsMatch: items("t") });
    expect(await settle(storeOf(event("A", ["t"])), lost, { append: refuse })).toEqual({ outcome: "unknown" });
    expect(await settle(storeOf(event("Theirs", ["t"])), lost, { append: refuse })).toEqual({ outcome: "conflict" });
  });

  it("leaves it unknown when only some of its events are there", async () => {
    const store = storeOf(event("A", ["t"], 1));
    const lost = request([event("A", ["t"], 1), event("B", ["t"], 2)], { failIfEventsMatch: items("t") });
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "unknown" });
  });

  it("leaves it unknown when its events are there in another order", async () => {
    const store = storeOf(event("B", ["t"], 2), event("A", ["t"], 1));
    const lost = request([event("A", ["t"], 1), event("B", ["t"], 2)], { failIfEventsMatch: items("t") });
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "unknown" });
  });

  it("never settles an append without a condition", async () => {
    const store = storeOf(event("A", ["t"], 1));
    expect(await settle(store, request([event("A", ["t"], 1)], undefined), { read: refuse, append: refuse })).toEqual({ outcome: "unknown" });
  });

  it("takes a condition without a query for one that every event breaks", async () => {
    const lost = request([event("A", ["t"], 1)], { after: 1n });
    expect(await settle(storeOf(event("x", []), event("Theirs", [])), lost, { append: refuse })).toEqual({ outcome: "conflict" });
    const store = storeOf(event("x", []));
    expect(await settle(store, lost)).toEqual({ outcome: "applied", position: 2n });
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "applied", position: 2n });
  });

  it("looks below an `after` beyond the head of its time, where the append may be", async () => {
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t"), after: 5n });
    const store = storeOf(event("x", []));
    store.append(lost);
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "unknown", cause: undefined });
    store.append(request(Array.from({ length: 6 }, () => event("x", ["t"])), undefined));
    expect(await settle(store, lost, { append: refuse })).toEqual({ outcome: "applied", position: 2n });
  });

  it("does not look below an `after` that is known to be behind the head", async () => {
    const store = storeOf(event("x", []), event("x", []));
    const starts: (bigint | undefined)[] = [];
    const read: UnsettledAppend["read"] = (query) => {
      starts.push(query.start);
      return store.read(query, () => {});
    };
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t"), after: 2n });
    await settle(store, lost, { read, knownHead: 2n });
    expect(starts).toEqual([3n]);
  });

  it("is a conflict at once when the server is known to have refused it", async () => {
    const store = storeOf(event("x", []), event("x", []), event("Theirs", ["t"]));
    let reads = 0;
    const read: UnsettledAppend["read"] = (query) => { reads++; return store.read(query, () => {}); };
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t"), after: 2n });
    expect(await settle(store, lost, { answered: true, read, append: refuse })).toEqual({ outcome: "conflict" });
    expect(reads).toBe(1);
  });

  it("passes on the server's refusal of the repeat", async () => {
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t") });
    const error = new AppendConditionError("somebody was faster");
    expect(await settle(storeOf(), lost, { append: () => Promise.reject(error) })).toEqual({ outcome: "conflict", error });
  });

  it("looks once more when the repeat stays without an answer", async () => {
    const store = storeOf();
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t") });
    const cut = new MillraceError("unavailable", "cut", { applied: "unknown" });
    const settled = await settle(store, lost, { append: async (again) => { store.append(again); throw cut; } });
    expect(settled).toEqual({ outcome: "applied", position: 1n });
    expect(await settle(storeOf(), lost, { append: () => Promise.reject(cut) })).toEqual({ outcome: "unknown", cause: cut });
  });

  it("leaves it unknown when the store cannot be read, or the signal is aborted", async () => {
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t") });
    const away = new MillraceError("unavailable", "away");
    expect(await settle(storeOf(), lost, { read: () => { throw away; } })).toEqual({ outcome: "unknown", cause: away });
    const late = new Error("late");
    expect(await settle(storeOf(), lost, { signal: AbortSignal.abort(late), append: refuse })).toEqual({ outcome: "unknown", cause: late });
  });

  it("leaves it unknown when the read ends without its one message, as at a server's shutdown", async () => {
    const lost = request([event("A", ["t"], 1)], { failIfEventsMatch: items("t") });
    expect(await settle(storeOf(), lost, { read: async function* () { /* nothing */ }, append: refuse })).toEqual({ outcome: "unknown" });
  });
});

/** What may happen to an append: `at` is the read message before which the server looks at it. */
const fates = fc.record({
  before: fc.array(fc.constantFrom("own", "theirs", "x"), { maxLength: 4 }),
  after: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
  own: fc.array(fc.constantFrom("t", "u"), { minLength: 1, maxLength: 3 }),
  query: fc.constantFrom(undefined, ["t"], ["u"], ["t", "u"]),
  landsAt: fc.integer({ min: -1, max: 6 }),
  neverLands: fc.boolean(),
  foreign: fc.array(fc.record({ at: fc.integer({ min: -1, max: 6 }), tag: fc.constantFrom("t", "u", "x") }), { maxLength: 4 }),
  repeatIsCut: fc.constantFrom("no", "before", "after"),
  knowsHead: fc.boolean(),
});

describe("settleAppend(), whatever happens around it", () => {
  it("never says what the store then shows to be wrong", async () => {
    const outcomes = { applied: 0, conflict: 0, unknown: 0 };
    await fc.assert(fc.asyncProperty(fates, async (fate) => {
      const store = storeOf(...fate.before.map((tag) => event("Before", [tag === "own" ? "t" : tag])));
      const knownHead = fate.knowsHead ? store.head : 0n;
      const lost = request(fate.own.map((tag, index) => event("Own", [tag], index + 1)), {
        failIfEventsMatch: fate.query && items(...fate.query),
        after: fate.after === undefined ? undefined : BigInt(fate.after),
      });
      let moment = -1;
      let landed = fate.neverLands;
      const land = (): void => {
        landed = true;
        try { store.append(lost); } catch { /* refused, and nobody hears of it */ }
      };
      const tick = (): void => {
        for (const { at, tag } of fate.foreign) if (at === moment) store.append(request([event("Foreign", [tag])], undefined));
        if (!landed && fate.landsAt === moment) land();
        moment++;
      };
      tick();
      const settled = await settle(store, lost, {
        between: tick,
        knownHead,
        append: async (again) => {
          tick();
          if (fate.repeatIsCut === "before") throw new MillraceError("unavailable", "cut", { applied: "unknown" });
          const position = store.append(again);
          if (fate.repeatIsCut === "after") throw new MillraceError("unavailable", "cut", { applied: "unknown" });
          return position;
        },
      });
      // An append that is still on its way arrives at the latest now.
      if (!landed) land();
      outcomes[settled.outcome]++;
      const stored = store.events.filter(({ event }) => event?.eventType === "Own");
      if (settled.outcome === "applied") {
        expect(stored.map(({ event }) => event?.uuid)).toEqual(lost.events.map(({ uuid }) => uuid));
        expect(stored.at(-1)?.position).toBe(settled.position);
      } else if (settled.outcome === "conflict") {
        expect(stored).toEqual([]);
      } else {
        expect(stored.length === 0 || stored.length === lost.events.length).toBe(true);
      }
    }), { numRuns: 3_000, ...(process.env["MILLRACE_SEED"] === undefined ? {} : { seed: Number(process.env["MILLRACE_SEED"]) }) });
    expect(Object.values(outcomes).every((count) => count > 100)).toBe(true);
  });
});
