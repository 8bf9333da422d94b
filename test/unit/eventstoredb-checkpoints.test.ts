import { MillraceError } from "millrace";
import { EventStoreDb, eventTypes } from "millrace/eventstoredb";
import { ReadReq, ReadResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

const at = (commit: bigint): { commit: bigint; prepare: bigint } => ({ commit, prepare: commit });

function event(position: bigint): Uint8Array {
  const recorded = {
    id: { value: { $case: "string" as const, value: "00000001-0000-4000-8000-000000000000" } },
    streamIdentifier: { streamName: new TextEncoder().encode("s") }, streamRevision: 0n, preparePosition: position, commitPosition: position,
    metadata: new Map([["type", "A"], ["created", "0"]]), customMetadata: new Uint8Array(0), data: new Uint8Array(0),
  };
  return ReadResp.encode({ content: { $case: "event", value: { event: recorded, link: undefined, position: { $case: "commitPosition", value: position } } } }).finish();
}

function checkpoint(position: bigint): Uint8Array {
  return ReadResp.encode({ content: { $case: "checkpoint", value: { commitPosition: position, preparePosition: 0n, timestamp: undefined } } }).finish();
}

const caughtUp = (): Uint8Array => ReadResp.encode({ content: { $case: "caughtUp", value: {} } }).finish();

/** Where a call asked to begin. */
function begunAt({ call }: ScriptedCall): bigint | undefined {
  const [request] = call.messages as Uint8Array[];
  const option = ReadReq.decode(request as Uint8Array).options?.streamOption;
  return option?.$case === "all" && option.value.allOption?.$case === "position" ? option.value.allOption.value.commitPosition : undefined;
}

/** A filtered subscription whose first call sends `chunks`, and is then lost once it is read on. */
function subscribed(...chunks: readonly (readonly Uint8Array[])[]): { subscription: ReturnType<EventStoreDb["subscribeToAll"]>; live: ScriptedCall[]; lose: () => void } {
  const live: ScriptedCall[] = [];
  const carrier = scriptedCarrier((scripted) => {
    if (scripted.call.lane !== "live") return scripted.status(0);
    live.push(scripted);
    scripted.headers();
    if (live.length === 1) for (const chunk of chunks) scripted.chunk(...chunk);
  });
  const client = new EventStoreDb({ carrier, retry: { baseMs: 1, maxMs: 1 } });
  const subscription = client.subscribeToAll({ filter: eventTypes({ include: ["A"] }) });
  return { subscription, live, lose: () => live[0]?.fail(new MillraceError("unavailable", "The connection was cut")) };
}

describe("the checkpoints of a filtered subscription", () => {
  it("count once all events before them are handled, and not while one is still out", async () => {
    const { subscription } = subscribed([event(10n), caughtUp(), checkpoint(50n)]);
    const events = subscription.values();
    await events.next();
    expect(subscription.checkpoint).toBeUndefined();
    const next = events.next();
    expect(subscription.checkpoint).toEqual({ commit: 50n, prepare: 0n });
    expect(subscription.position).toEqual(at(10n));
    await subscription.close();
    await next;
  });

  it("are where a lost connection goes on", async () => {
    const { subscription, live, lose } = subscribed([event(10n), caughtUp(), checkpoint(50n)]);
    const events = subscription.values();
    await events.next();
    const next = events.next();
    lose();
    await expect.poll(() => live.length).toBe(2);
    expect(begunAt(live[1] as ScriptedCall)).toBe(50n);
    await subscription.close();
    await next;
  });

  it("are left alone of a server that never said that it caught up: early 21.10 named the event that comes next", async () => {
    const { subscription, live, lose } = subscribed([event(10n), checkpoint(50n)]);
    const events = subscription.values();
    await events.next();
    const next = events.next();
    lose();
    await expect.poll(() => live.length).toBe(2);
    expect(begunAt(live[1] as ScriptedCall)).toBe(10n);
    await subscription.close();
    await next;
  });

  it("never move the place back", async () => {
    const { subscription, live, lose } = subscribed([event(10n), caughtUp(), checkpoint(5n)]);
    const events = subscription.values();
    await events.next();
    const next = events.next();
    lose();
    await expect.poll(() => live.length).toBe(2);
    expect(begunAt(live[1] as ScriptedCall)).toBe(10n);
    await subscription.close();
    await next;
  });
});
