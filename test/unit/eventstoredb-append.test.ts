import { MillraceError } from "millrace";
import { EventStoreDb, jsonEvent } from "millrace/eventstoredb";
import { AppendReq, AppendResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

const lost = (): MillraceError => new MillraceError("unavailable", "The connection was cut", { applied: "unknown" });

function answer(scripted: ScriptedCall): void {
  scripted.chunk(AppendResp.encode({ result: { $case: "success", value: { currentRevisionOption: { $case: "currentRevision", value: 0n }, positionOption: undefined } } }).finish());
  scripted.status(0);
}

describe("append() whose answer is lost", () => {
  it("is sent again with the same ids, by which the server recognises it", async () => {
    const carrier = scriptedCarrier((scripted, index) => (index === 0 ? scripted.fail(lost()) : answer(scripted)));
    const client = new EventStoreDb({ carrier, retry: { baseMs: 1, maxMs: 1 } });
    expect(await client.append("s", [jsonEvent({ type: "A", data: {} })])).toEqual({ nextRevision: 0n, position: undefined });
    const [first, second] = carrier.calls.map(({ call }) => (call.messages as Uint8Array[]).map((message) => AppendReq.decode(message)));
    expect(second).toEqual(first);
    expect(first).toHaveLength(2);
  });

  it("says that the outcome is unknown when there are no tries left", async () => {
    const carrier = scriptedCarrier((scripted) => scripted.fail(lost()));
    const client = new EventStoreDb({ carrier, retry: { attempts: 3, baseMs: 1, maxMs: 1 } });
    await expect(client.append("s", [jsonEvent({ type: "A", data: {} })])).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
    expect(carrier.calls).toHaveLength(3);
  });

  it("is not sent again where the write is a delete, which the server does not recognise", async () => {
    const carrier = scriptedCarrier((scripted) => scripted.fail(lost()));
    const client = new EventStoreDb({ carrier, retry: { attempts: 3, baseMs: 1, maxMs: 1 } });
    await expect(client.deleteStream("s")).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
    expect(carrier.calls).toHaveLength(1);
  });
});
