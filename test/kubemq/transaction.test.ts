import { KubeMq, queues, type QueueTransaction } from "millrace/kubemq";
import { StreamQueueMessagesRequest, StreamQueueMessagesResponse, type QueueMessage } from "millrace/internal/gen/static/kubemq/kubemq";
import { afterEach, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

const clients: KubeMq[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

const stored: QueueMessage = {
  MessageID: "m1", ClientID: "s", Channel: "q", Metadata: "", Body: new Uint8Array([1]), Tags: new Map([["k", "v"]]), Topic: "", Partition: 0, PartitionKey: "",
  Attributes: { Timestamp: 1_700_000_000_000_000_000n, Sequence: 40n, MD5OfBody: "", ReceiveCount: 2, ReRouted: false, ReRoutedFromQueue: "", ExpirationAt: 0n, DelayedTo: 0n },
  Policy: { ExpirationSeconds: 0, DelaySeconds: 0, MaxReceiveCount: 3, MaxReceiveQueue: "dead" },
};

type Answer = (request: StreamQueueMessagesRequest, call: ScriptedCall) => Partial<StreamQueueMessagesResponse> | undefined;

/** A broker with one message; `answer` says what it replies to each request. */
function open(answer: Answer): { take: Promise<QueueTransaction | undefined>; asked: StreamQueueMessagesRequest[]; calls: ScriptedCall[] } {
  const asked: StreamQueueMessagesRequest[] = [];
  const serve = async (call: ScriptedCall): Promise<void> => {
    for await (const message of call.call.messages) {
      const request = StreamQueueMessagesRequest.decode(message);
      asked.push(request);
      const reply = answer(request, call);
      if (reply === undefined) continue;
      const { RequestID, StreamRequestTypeData } = request;
      call.chunk(StreamQueueMessagesResponse.encode({ RequestID, StreamRequestTypeData, IsError: false, Error: "", Message: undefined, ...reply }).finish());
    }
  };
  const carrier = scriptedCarrier((call) => void serve(call));
  const client = new KubeMq({ carrier, clientId: "c" });
  clients.push(client);
  return { take: queues(client).transaction("q", { visibilityMs: 2_500, waitMs: 1_000, timeoutMs: 50 }), asked, calls: carrier.calls };
}

const oneMessage: Answer = ({ StreamRequestTypeData }) => (StreamRequestTypeData === 1 ? { Message: stored } : {});

describe("queues().transaction()", () => {
  it("takes one message for whole seconds", async () => {
    const { take, asked } = open(oneMessage);
    expect((await take)?.message).toMatchObject({ id: "m1", channel: "q", sequence: 40n, receiveCount: 2, maxReceiveCount: 3, timestamp: new Date(1_700_000_000_000), expirationAt: undefined });
    expect(asked).toEqual([expect.objectContaining({ StreamRequestTypeData: 1, ClientID: "c", Channel: "q", VisibilitySeconds: 3, WaitTimeSeconds: 1 })]);
  });

  it.each<[string, (held: QueueTransaction) => Promise<void>, object]>([
    ["ack()", (held) => held.ack(), { StreamRequestTypeData: 2, RefSequence: 40n }],
    ["reject()", (held) => held.reject(), { StreamRequestTypeData: 3, RefSequence: 40n }],
    ["resend()", (held) => held.resend("other"), { StreamRequestTypeData: 5, Channel: "other" }],
    ["modify()", (held) => held.modify({ metadata: "new" }), { StreamRequestTypeData: 6, ModifiedMessage: expect.objectContaining({ Channel: "q", Metadata: "new", ClientID: "c" }) as unknown }],
  ])("%s settles it, and leaves the call", async (_, settle, request) => {
    const { take, asked, calls } = open(oneMessage);
    const held = (await take) as QueueTransaction;
    await settle(held);
    expect(asked[1]).toMatchObject(request);
    expect(calls[0]?.call.signal?.aborted).toBe(true);
    await expect(held.ack()).rejects.toMatchObject({ code: "conflict" });
  });

  it("extends, and is still held", async () => {
    const { take, asked } = open(oneMessage);
    const held = (await take) as QueueTransaction;
    await held.extend(4_000);
    await held.ack();
    expect(asked.slice(1)).toMatchObject([{ StreamRequestTypeData: 4, VisibilitySeconds: 4 }, { StreamRequestTypeData: 2 }]);
  });

  it("is undefined where no message came", async () => {
    const { take } = open(() => ({ IsError: true, Error: "Error 138: no new message in queue, wait time expired" }));
    expect(await take).toBeUndefined();
  });

  it("says `conflict` when its time was over", async () => {
    const { take } = open(({ StreamRequestTypeData: type }) => (type === 1 ? { Message: stored } : { IsError: true, Error: "Error 129: current visibility timer expired" }));
    await expect((await take)?.ack()).rejects.toMatchObject({ code: "conflict", applied: "no" });
  });

  it("refuses a wrong target before anything is sent, and keeps the message", async () => {
    const { take, asked } = open(oneMessage);
    const held = (await take) as QueueTransaction;
    for (const channel of ["", "a\nb", "a/b", "a..b", ".a", "a b", "a.*", "a."]) await expect(held.resend(channel)).rejects.toMatchObject({ code: "invalid_argument" });
    expect(asked).toHaveLength(1);
    await held.ack();
  });

  it("ends a settlement that is not answered within `timeoutMs`, as unknown", async () => {
    const { take } = open(({ StreamRequestTypeData }) => (StreamRequestTypeData === 1 ? { Message: stored } : undefined));
    await expect((await take)?.ack()).rejects.toMatchObject({ code: "timeout", applied: "unknown" });
  });
});
