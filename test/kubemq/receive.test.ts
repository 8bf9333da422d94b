import { MillraceError } from "millrace";
import { KubeMq, queues, type QueueReceiver, type ReceiveOptions } from "millrace/kubemq";
import { QueuesDownstreamRequest, QueuesDownstreamResponse, type QueueMessage } from "millrace/internal/gen/static/kubemq/kubemq";
import { afterEach, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

const clients: KubeMq[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** One queue as a 2.4 broker serves it by QueuesDownstream: one Get's messages belong to its call, and success is silent. */
class Queue {
  readonly waiting: bigint[] = [];
  readonly acked: bigint[] = [];
  readonly asked: QueuesDownstreamRequest[] = [];
  readonly calls = new Set<ScriptedCall>();
  readonly #held = new Map<ScriptedCall, Set<bigint>>();
  confirms = true;
  readonly carrier = scriptedCarrier((call) => void this.#serve(call));

  constructor(count: number) {
    for (let n = 1; n <= count; n++) this.waiting.push(BigInt(n));
  }

  receive(options: ReceiveOptions = {}): QueueReceiver {
    const client = new KubeMq({ carrier: this.carrier, clientId: "c", retry: { baseMs: 0, maxMs: 1 } });
    clients.push(client);
    return queues(client).receive("q", options);
  }

  cut(): void {
    for (const call of [...this.calls]) {
      this.#release(call);
      call.fail(new MillraceError("unavailable", "The connection was cut"));
    }
  }

  #release(call: ScriptedCall): void {
    this.waiting.unshift(...(this.#held.get(call) ?? []));
    this.#held.delete(call);
    this.calls.delete(call);
  }

  async #serve(call: ScriptedCall): Promise<void> {
    this.calls.add(call);
    call.call.signal?.addEventListener("abort", () => this.#release(call));
    const held = new Set<bigint>();
    this.#held.set(call, held);
    try {
      for await (const bytes of call.call.messages) {
        const request = QueuesDownstreamRequest.decode(bytes);
        this.asked.push(request);
        if (!this.calls.has(call)) return;
        if (request.RequestTypeData === 1) {
          const taken = this.waiting.splice(0, request.MaxItems);
          if (!request.AutoAck) for (const sequence of taken) held.add(sequence);
          if (taken.length > 0) this.#answer(call, request, { Messages: taken.map(messageOf) });
        } else if (request.RequestTypeData === 8) {
          if (!this.confirms) continue;
          this.#answer(call, request, held.size === 0 ? { IsError: true, Error: "cannot get active offsets with closed response " } : { ActiveOffsets: [...held] });
        } else {
          for (const sequence of request.SequenceRange) {
            if (!held.delete(sequence)) this.#answer(call, request, { IsError: true, Error: `invalid ack sequence id ${sequence}` });
            else if (request.RequestTypeData === 3) this.acked.push(sequence);
          }
        }
      }
    } catch {
      // The call was left.
    }
  }

  #answer(call: ScriptedCall, { RequestID, RequestTypeData }: QueuesDownstreamRequest, answer: Partial<QueuesDownstreamResponse>): void {
    call.chunk(QueuesDownstreamResponse.encode({
      TransactionId: "t", RefRequestId: RequestID, RequestTypeData, Messages: [], ActiveOffsets: [], IsError: false, Error: "", TransactionComplete: false, Metadata: new Map(), ...answer,
    }).finish());
  }
}

function messageOf(Sequence: bigint): QueueMessage {
  return {
    MessageID: `m${Sequence}`, ClientID: "s", Channel: "q", Metadata: "m", Body: new Uint8Array(0), Tags: new Map(), Topic: "", Partition: 0, PartitionKey: "", Policy: undefined,
    Attributes: { Timestamp: 1n, Sequence, MD5OfBody: "", ReceiveCount: 1, ReRouted: false, ReRoutedFromQueue: "", ExpirationAt: 0n, DelayedTo: 0n },
  };
}

describe("queues().receive()", () => {
  it("hands out messages, and asks for more when all of them are settled", async () => {
    const queue = new Queue(5);
    const seen: bigint[] = [];
    for await (const message of queue.receive({ maxInFlight: 2 })) {
      seen.push(message.sequence);
      await message.ack();
      if (seen.length === 5) break;
    }
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(queue.acked).toEqual(seen);
    const gets = queue.asked.filter(({ RequestTypeData }) => RequestTypeData === 1);
    expect(gets[0]).toMatchObject({ Channel: "q", MaxItems: 2, WaitTimeout: 1_500, AutoAck: false, ClientID: "c" });
    expect(gets).toHaveLength(3);
  });

  it("loses nothing of 500 messages while its connection is cut ten times, and marks what it hands out again", async () => {
    const queue = new Queue(500);
    const out = new Map<bigint, number>();
    const acked = new Set<bigint>();
    let cuts = 0;
    for await (const message of queue.receive({ maxInFlight: 16 })) {
      const before = out.get(message.sequence) ?? 0;
      expect({ sequence: message.sequence, redelivered: message.redelivered }).toEqual({ sequence: message.sequence, redelivered: before > 0 });
      out.set(message.sequence, before + 1);
      if (before === 0 && cuts < 10 && out.size % 45 === 7) {
        cuts++;
        queue.cut();
        await expect(message.ack()).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
        continue;
      }
      await message.ack();
      acked.add(message.sequence);
      if (acked.size === 500) break;
    }
    expect(cuts).toBe(10);
    expect(queue.acked.length).toBe(500);
    expect([...out.values()].filter((times) => times > 1)).toHaveLength(10);
  });

  it("nacks and requeues by sequence, and settles each message once", async () => {
    const queue = new Queue(2);
    const iterator = queue.receive()[Symbol.asyncIterator]();
    const first = (await iterator.next()).value;
    const second = (await iterator.next()).value;
    await first.nack();
    await second.requeue("other");
    expect(queue.asked.filter(({ RequestTypeData }) => RequestTypeData !== 1 && RequestTypeData !== 8)).toMatchObject([
      { RequestTypeData: 5, SequenceRange: [1n], RefTransactionId: "t" }, { RequestTypeData: 7, SequenceRange: [2n], ReQueueChannel: "other" },
    ]);
    await expect(first.ack()).rejects.toMatchObject({ code: "conflict" });
    await iterator.return?.();
  });

  it("`close()` settles nothing and leaves the call, so that what is held goes back", async () => {
    const queue = new Queue(3);
    const receiver = queue.receive();
    await receiver[Symbol.asyncIterator]().next();
    await receiver.close();
    await expect.poll(() => queue.waiting).toEqual([1n, 2n, 3n]);
    expect(queue.acked).toEqual([]);
  });

  it("with `autoAck` is never left while messages are asked for", async () => {
    const queue = new Queue(1);
    const receiver = queue.receive({ autoAck: true });
    const iterator = receiver[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ sequence: 1n });
    const next = iterator.next();
    await expect.poll(() => queue.asked.length).toBe(2);
    await receiver.close();
    expect(await next).toMatchObject({ done: true });
    expect(queue.carrier.calls[0]?.call.signal?.aborted).toBe(false);
  });
});
