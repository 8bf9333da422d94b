import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { BatchAppendReq, BatchAppendResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { payloadsOf } from "millrace/internal/wire/frames";
import { startEmbedded } from "millrace-server/embedded";
import { describe, expect, it } from "vitest";

const EMPTY = {};

function batch(id: string): Uint8Array {
  const uuid = { value: { $case: "string", value: id } } as const;
  return BatchAppendReq.encode({
    correlationId: uuid,
    options: { streamIdentifier: { streamName: new TextEncoder().encode(id) }, expectedStreamPosition: { $case: "any", value: EMPTY }, deadlineOption: undefined },
    proposedMessages: [{ id: uuid, metadata: new Map([["type", "T"], ["content-type", "application/json"]]), data: new Uint8Array(0), customMetadata: new Uint8Array(0) }],
    isFinal: true,
  }).finish();
}

/** The correlation ids of the answers to ten appends of one call, in the order of the answers. */
async function answersTo(ids: readonly string[], shuffleBatchAnswers: number | undefined): Promise<string[]> {
  const { carrier, close } = await startEmbedded({ systems: ["eventstoredb"], eventstoredb: { shuffleBatchAnswers } });
  const { path, kind, lane, cancel } = eventstoredbMethods.batchAppend;
  const { chunks } = carrier.call({ path, kind, duplex: "full", lane, cancel, headers: new Headers(), messages: ids.map(batch) });
  const seen: string[] = [];
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    for (const payload of payloadsOf(next.value)) {
      const { correlationId, result } = BatchAppendResp.decode(payload);
      expect(result?.$case).toBe("success");
      seen.push(String(correlationId?.value?.value));
    }
  }
  await close();
  return seen;
}

describe("the embedded EventStoreDB, in process", () => {
  const ids = Array.from({ length: 10 }, (_, n) => `00000000-0000-4000-8000-00000000000${n}`);

  it("answers appends of one call in their order", async () => {
    expect(await answersTo(ids, undefined)).toEqual(ids);
  });

  it("answers them in another order that the seed decides", async () => {
    const shuffled = await answersTo(ids, 7);
    expect([...shuffled].sort()).toEqual(ids);
    expect(shuffled).not.toEqual(ids);
    expect(await answersTo(ids, 7)).toEqual(shuffled);
  });
});
