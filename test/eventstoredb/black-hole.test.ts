import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMillraceError } from "millrace";
import type { CarrierCall, CarrierResponse } from "millrace/carrier";
import { EventStoreDb } from "millrace/eventstoredb";
import { describe, expect, it } from "vitest";

const event = { type: "A", data: new Uint8Array(0) };

/** Each method that waits for an answer, and what one that never came leaves open. */
const calls: Record<string, readonly [applied: "no" | "unknown", call: (client: EventStoreDb) => Promise<unknown>]> = {
  append: ["unknown", (client) => client.append("s", [event])],
  appendRecords: ["unknown", (client) => client.appendRecords([{ stream: "s", ...event }])],
  appendToStreams: ["unknown", (client) => client.appendToStreams([{ stream: "s", events: [event] }])],
  commitPosition: ["no", (client) => client.commitPosition()],
  deleteStream: ["unknown", (client) => client.deleteStream("s")],
  getStreamMetadata: ["no", (client) => client.getStreamMetadata("s")],
  readAll: ["no", (client) => client.readAll().toArray()],
  readStream: ["no", (client) => client.readStream("s").toArray()],
  setStreamMetadata: ["unknown", (client) => client.setStreamMetadata("s", {})],
  streamRevision: ["no", (client) => client.streamRevision("s")],
  tombstoneStream: ["unknown", (client) => client.tombstoneStream("s")],
};

/** Those with an end of their own, tested apart. */
const others = ["close", "subscribeToAll", "subscribeToStream"];

/** What a carrier gives back when nothing ever comes. */
function unanswered({ signal }: CarrierCall): CarrierResponse {
  const never = new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
  never.catch(() => {});
  return { headers: never, trailers: never, chunks: { next: () => never, return: async () => ({ done: true, value: undefined }) } };
}

const carrier = { call: unanswered, close: async () => {} };

describe("against a server that never answers", () => {
  it("every method of EventStoreDb has its end tested here", () => {
    const source = readFileSync(fileURLToPath(new URL("../../src/eventstoredb/client.ts", import.meta.url)), "utf8");
    const body = /export class EventStoreDb[^]*?\n\}\n/.exec(source)?.[0] ?? "";
    const methods = new Set([...body.matchAll(/^ {2}(?:async )?(\w+)\(/gm)].map(([, name]) => name as string).filter((name) => name !== "constructor"));
    expect([...methods].sort()).toEqual([...Object.keys(calls), ...others].sort());
  });

  it.each(Object.entries(calls))("%s ends within `timeoutMs`, and says what it leaves open", async (_, [applied, call]) => {
    const client = new EventStoreDb({ carrier, timeoutMs: 30 });
    expect(await call(client).catch((failure: unknown) => failure)).toMatchObject({ code: "timeout", system: "eventstoredb", applied });
    await client.close();
  });

  it.each(Object.entries(calls))("%s ends with the client", async (_, [, call]) => {
    const client = new EventStoreDb({ carrier, timeoutMs: 0 });
    const ended = call(client).catch((failure: unknown) => failure);
    await client.close();
    expect(isMillraceError(await ended, "unavailable")).toBe(true);
  });

  it.each(["subscribeToStream", "subscribeToAll"] as const)("%s waits for another try within `connectTimeoutMs`, and `close()` ends it", async (method) => {
    const client = new EventStoreDb({ carrier, connectTimeoutMs: 30 });
    const subscription = method === "subscribeToAll" ? client.subscribeToAll() : client.subscribeToStream("s");
    const next = subscription.values().next();
    await expect.poll(() => subscription.state.kind).toBe("waiting");
    await subscription.close();
    expect(await next).toEqual({ done: true, value: undefined });
    await client.close();
  });
});
