import { inspect } from "node:util";
import { isMillraceError } from "millrace";
import { binaryEvent, EventStoreDb, eventTypes, jsonEvent, streamNames } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";
import { scriptedCarrier } from "../support/scripted-carrier.js";

/** One parameter or property, values it must refuse, and a call with such a value in its place. */
type Row = readonly [path: string, wrong: readonly unknown[], call: (client: EventStoreDb, value: never) => unknown];

const LONE = "half a pair \ud800";
const notAName = [null, undefined, "", 0, 1n, true, {}, [], Symbol("s"), LONE, new Uint8Array(1)];
const notARevision = [null, -1n, 2n ** 63n, 0, 1.5, "", "1", "latest", {}, [], true, NaN];
const notAPlace = [null, -1n, 2n ** 64n, 0, "latest", {}, [], { commit: 1n }, { commit: 1, prepare: 1 }, { commit: 1n, prepare: 2n }, true];
const notAFlag = [null, 0, 1, "true", {}, []];
const notALimit = [null, -1, 1.5, NaN, Infinity, "1", 1n, {}];
const notOptions = [null, 0, "text", [], () => {}, { unknown: 1 }];
const notAFilter = [null, 0, "x", [], {}, { by: "type" }, { by: "name", regex: "x" }, { by: "type", regex: "" }, { by: "type", regex: "x", prefixes: [] }, { by: "type", prefixes: "x" }, { by: "type", regex: "x", more: 1 }];
const event = { type: "A", data: new Uint8Array(1) };
const eventRows = (path: string, call: (client: EventStoreDb, event: never) => unknown): Row[] => [
  [`${path}.type`, notAName, (client, type) => call(client, { ...event, type } as never)],
  [`${path}.data`, [null, undefined, "text", {}, [1], new ArrayBuffer(1)], (client, data) => call(client, { ...event, data } as never)],
  [`${path}.metadata`, [null, "text", {}, [1]], (client, metadata) => call(client, { ...event, metadata } as never)],
  [`${path}.id`, [null, "", "x", 1, "00000000-0000-0000-0000-000000000000"], (client, id) => call(client, { ...event, id } as never)],
  [`${path}.contentType`, [null, "", "text/plain", 1], (client, contentType) => call(client, { ...event, contentType } as never)],
  [`${path}.tags`, [1], (client, tags) => call(client, { ...event, tags } as never)],
];

const rows: Row[] = [
  ...(["append", "readStream", "subscribeToStream", "streamRevision", "deleteStream", "tombstoneStream", "getStreamMetadata", "setStreamMetadata"] as const)
    .map((method): Row => ["stream", notAName, (client, value) => (client[method] as (...rest: unknown[]) => unknown).call(client, value, method === "append" ? [] : method === "setStreamMetadata" ? {} : undefined)]),
  ["events", [null, undefined, {}, "x", 1, new Set([event])], (client, value) => client.append("s", value)],
  ["events[0]", [null, 0, "x", [], undefined], (client, value) => client.append("s", [value])],
  ...eventRows("events[0]", (client, one) => client.append("s", [one])),
  ["options", notOptions, (client, value) => client.append("s", [event], value)],
  ["options.expectedRevision", notARevision, (client, expectedRevision) => client.append("s", [event], { expectedRevision })],
  ["options.conflict", [null, "ignore", 1, ""], (client, conflict) => client.append("s", [event], { conflict } as never)],
  ["options.requiresLeader", notAFlag, (client, requiresLeader) => client.append("s", [event], { requiresLeader })],
  ["options.expectedRevision", notARevision, (client, expectedRevision) => client.deleteStream("s", { expectedRevision })],
  ["options.expectedRevision", notARevision, (client, expectedRevision) => client.tombstoneStream("s", { expectedRevision })],
  ["options", notOptions, (client, value) => client.readStream("s", value)],
  ["options.from", notARevision, (client, from) => client.readStream("s", { from })],
  ["options.backwards", notAFlag, (client, backwards) => client.readStream("s", { backwards })],
  ["options.limit", notALimit, (client, limit) => client.readStream("s", { limit })],
  ["options.resolveLinks", notAFlag, (client, resolveLinks) => client.readStream("s", { resolveLinks })],
  ["options", notOptions, (client, value) => client.readAll(value)],
  ["options.from", notAPlace, (client, from) => client.readAll({ from })],
  ["options.limit", notALimit, (client, limit) => client.readAll({ limit })],
  ["options.filter", notAFilter, (client, filter) => client.readAll({ filter })],
  ["options.after", notARevision, (client, after) => client.subscribeToStream("s", { after })],
  ["options.after", notAPlace, (client, after) => client.subscribeToAll({ after })],
  ["options.filter", notAFilter, (client, filter) => client.subscribeToAll({ filter })],
  ["metadata", [null, 0, [], { maxage: 1n }], (client, value) => client.setStreamMetadata("s", value)],
  ["metadata.maxCount", [null, 0n, 1, "1", -1n, 2n ** 63n], (client, maxCount) => client.setStreamMetadata("s", { maxCount })],
  ["metadata.acl", [null, [], { everybody: [] }, { read: "$all" }, { read: [""] }], (client, acl) => client.setStreamMetadata("s", { acl })],
  ["metadata.custom", [null, [], "x", { $tb: 1 }], (client, custom) => client.setStreamMetadata("s", { custom })],
  ["appends", [null, {}, [], "x"], (client, value) => client.appendToStreams(value)],
  ["appends[1].stream", ["S", ""], (client, stream) => client.appendToStreams([{ stream: "s", events: [event] }, { stream, events: [event] }])],
  ["appends[0].events", [null, [], "x"], (client, events) => client.appendToStreams([{ stream: "s", events }])],
  ["records", [null, {}, [], "x"], (client, value) => client.appendRecords(value)],
  ["options.checks", [null, {}, "x"], (client, checks) => client.appendRecords([{ stream: "s", ...event }], { checks })],
  ["options.checks[0].expected", [null, "any", -1n, 1], (client, expected) => client.appendRecords([{ stream: "s", ...event }], { checks: [{ stream: "s", expected }] })],
  ["include", [undefined, [], [""]], (_, include) => eventTypes({ include })],
  ["prefix", ["x"], (_, prefix) => streamNames({ prefix, include: ["y"] })],
  ["value", [undefined, 1n, () => {}], (_, data) => jsonEvent({ type: "A", data })],
];

describe("a wrong argument of EventStoreDb", () => {
  it.each(rows)("`%s` is refused by its name, before anything is sent and without being shown", async (path, wrong, call) => {
    for (const value of wrong) {
      const carrier = scriptedCarrier(() => {});
      const client = new EventStoreDb({ carrier, timeoutMs: 200, retry: false });
      const error = await (async () => call(client, value as never))().then(() => undefined, (failure: unknown) => failure);
      expect(isMillraceError(error, "invalid_argument"), `${path}: ${inspect(value)} gave ${String(error)}`).toBe(true);
      expect((error as Error).message).toContain(path.split(".")[0]);
      expect(error).toMatchObject({ applied: "no" });
      expect(carrier.calls).toHaveLength(0);
    }
  });

  it("`metadata` of binaryEvent() is kept as it is", () => {
    expect(binaryEvent({ type: "A", data: Uint8Array.of(1), metadata: Uint8Array.of(2) })).toMatchObject({ metadata: Uint8Array.of(2), contentType: "application/octet-stream" });
  });
});
