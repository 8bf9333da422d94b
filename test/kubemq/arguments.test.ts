import { isMillraceError } from "millrace";
import { commands, events, eventsStore, KubeMq, queries, queues } from "millrace/kubemq";
import { describe, expect, it } from "vitest";
import { scriptedCarrier } from "../support/scripted-carrier.js";

/** One parameter, values it must refuse, and a call with such a value in its place. */
type Row = readonly [path: string, wrong: readonly unknown[], call: (client: KubeMq, value: never) => unknown];

const body = new Uint8Array(1);
const message = { body };
const notAName = [null, undefined, 0, 1n, true, {}, [], "", "a\nb", "a\tb", "a\0", "a\x7f", "half \ud800"];
const notPlain = [...notAName, "a b", "a.", "a.*", ">"];
const notStored = [...notPlain, "a/b", "a..b", ".a"];
const notAPattern = [...notAName, "a b", "a.", "a..b", ".a"];
const notAGroup = [...notAName.filter((value) => value !== undefined), "a b"];
const notOptions = [null, 0, "x", [], { unknown: 1 }];
const notACount = [null, -1, 0, 1.5, NaN, "1", 1n, {}];
const notAWait = [null, 999, 1.5, NaN, 3_600_001, "1000", 1n];
const notAMessage = [{}, { body: new Uint8Array(0) }, { metadata: "" }, { tags: { k: "v" } }];

const rows: readonly Row[] = [
  ["options", [null, 0, "x", []], (_, value) => new KubeMq(value)],
  ["clientId", notAName.filter((value) => value !== undefined), (_, clientId) => new KubeMq({ url: "http://x", clientId })],
  ["authToken", [null, 0, "", "a b", "Bearer x", {}], (_, authToken) => new KubeMq({ url: "http://x", authToken })],
  ["tagSender", [null, 0, "true"], (_, tagSender) => new KubeMq({ url: "http://x", tagSender })],
  ["client", [null, undefined, 0, {}, "x"], (_, value) => events(value)],
  ["options", notOptions, (k, value) => k.ping(value)],
  ["channel", notPlain, (k, value) => events(k).publish(value, message)],
  ["event", [null, undefined, 0, "x", [], ...notAMessage, { body, unknown: 1 }], (k, value) => events(k).publish("c", value)],
  ["event.body", [null, "x", [1], new ArrayBuffer(1)], (k, value) => events(k).publish("c", { body: value })],
  ["event.metadata", [null, 1, "half \ud800"], (k, value) => events(k).publish("c", { metadata: value })],
  ["event.id", notAName.filter((value) => value !== undefined), (k, value) => events(k).publish("c", { body, id: value })],
  ["event.tags", [null, 1, "x", [["a"]], { a: 1 }, [["a", null]]], (k, value) => events(k).publish("c", { body, tags: value })],
  ["channel", notPlain, (k, value) => events(k).publishAll(value, [])],
  ["events", [null, 0, "text", {}], (k, value) => events(k).publishAll("c", value)],
  ["pattern", notAPattern, (k, value) => events(k).subscribe(value)],
  ["options.group", notAGroup, (k, group) => events(k).subscribe("c", { group })],
  ["options.maxWaiting", notACount, (k, maxWaiting) => events(k).subscribe("c", { maxWaiting })],
  ["channel", notStored, (k, value) => eventsStore(k).publish(value, message)],
  ["channel", notStored, (k, value) => eventsStore(k).publishAll(value, [])],
  ["channel", notStored, (k, value) => eventsStore(k).subscribe(value)],
  ["options.group", [...notAGroup, "a:b"], (k, group) => eventsStore(k).subscribe("c", { group })],
  ["options.from", [null, 0, "latest", {}, { sequence: 1n, agoMs: 1 }, { sequence: 0n }, { sequence: 1 }, { sequence: 2n ** 63n }, { time: 1 }, { time: new Date(NaN) }, { time: new Date(0) }, { agoMs: 0 }, { agoMs: "1" }], (k, from) => eventsStore(k).subscribe("c", { from })],
  ["options.timeUnit", [null, "ms", 1], (k, timeUnit) => eventsStore(k).subscribe("c", { timeUnit })],
  ["channel", notPlain, (k, value) => commands(k).send(value, message)],
  ["request", [null, undefined, 0, ...notAMessage, { body, cacheKey: "k" }], (k, value) => commands(k).send("c", value)],
  ["request.timeoutMs", notACount, (k, timeoutMs) => commands(k).send("c", { body, timeoutMs })],
  ["request.cacheTtlSeconds", [...notACount, undefined], (k, cacheTtlSeconds) => queries(k).send("c", { body, cacheKey: "k", cacheTtlSeconds })],
  ["channel", notAPattern, (k, value) => commands(k).serve(value, () => {})],
  ["handler", [null, undefined, {}, "x"], (k, value) => queries(k).serve("c", value)],
  ["options.concurrency", notACount, (k, concurrency) => queries(k).serve("c", () => {}, { concurrency })],
  ["channel", notStored, (k, value) => queues(k).send(value, message)],
  ["message.deadLetterQueue", notStored.filter((value) => value !== undefined), (k, deadLetterQueue) => queues(k).send("c", { body, deadLetterQueue })],
  ["message.expirationSeconds", [null, -1, 43_201, 1.5, "1"], (k, expirationSeconds) => queues(k).send("c", { body, expirationSeconds })],
  ["message.delaySeconds", [null, -1, 43_201, 1.5, "1"], (k, delaySeconds) => queues(k).send("c", { body, delaySeconds })],
  ["message.maxReceiveCount", [...notACount, 1_025], (k, maxReceiveCount) => queues(k).send("c", { body, maxReceiveCount })],
  ["messages", [null, undefined, [], {}, [null], [{ channel: "c" }], [{ body }]], (k, value) => queues(k).sendBatch(value)],
  ["channel", notStored, (k, value) => queues(k).pull(value)],
  ["options.limit", [...notACount, 1_025], (k, limit) => queues(k).peek("c", { limit })],
  ["options.waitMs", notAWait, (k, waitMs) => queues(k).pull("c", { waitMs })],
  ["options.waitMs", notAWait, (k, waitMs) => queues(k).ackAll("c", { waitMs })],
  ["channel", notStored, (k, value) => queues(k).receive(value)],
  ["options.maxInFlight", [...notACount, 1_025], (k, maxInFlight) => queues(k).receive("c", { maxInFlight })],
  ["options.autoAck", [null, 0, "true"], (k, autoAck) => queues(k).receive("c", { autoAck })],
  ["channel", notStored, (k, value) => queues(k).transaction(value)],
  ["options.visibilityMs", [null, 999, 43_200_001, "1"], (k, visibilityMs) => queues(k).transaction("c", { visibilityMs })],
  ["channel", notStored.filter((value) => value !== undefined), (k, value) => queues(k).info(value)],
];

describe("wrong arguments are refused before anything is sent", () => {
  it.each(rows.map((row, index) => [`${index}: ${row[0]}`, row] as const))("%s", async (_, [path, wrong, call]) => {
    const carrier = scriptedCarrier(() => {});
    const client = new KubeMq({ carrier });
    for (const value of wrong) {
      const error = await outcomeOf(() => call(client, value as never));
      expect(isMillraceError(error, "invalid_argument"), `${path} = ${typeof value === "string" ? JSON.stringify(value) : String(value as object)}: ${String(error)}`).toBe(true);
      expect(error).toMatchObject({ applied: "no" });
      expect((error as Error).message).toContain(`\`${path}`);
    }
    expect(carrier.calls).toHaveLength(0);
  });
});

async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}
