import { MillraceError } from "millrace";
import { commands, events, eventsStore, KubeMq, queries, SENDER_TAG, type KubeMqOptions, type Reply } from "millrace/kubemq";
import { Event, Request, Response, Result, EventReceive, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { afterEach, describe, expect, it } from "vitest";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

const clients: KubeMq[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function open(answer: (call: ScriptedCall, index: number) => void, options: Partial<KubeMqOptions> = {}): { client: KubeMq; calls: ScriptedCall[] } {
  const carrier = scriptedCarrier(answer);
  const client = new KubeMq({ carrier, clientId: "me", retry: { baseMs: 0, maxMs: 1 }, ...options });
  clients.push(client);
  return { client, calls: carrier.calls };
}

const body = new Uint8Array([1]);

function firstMessage(call: ScriptedCall): Uint8Array {
  return [...(call.call.messages as Iterable<Uint8Array>)][0] as Uint8Array;
}

function answerWith(call: ScriptedCall, message: Uint8Array): void {
  call.headers();
  call.chunk(message);
  call.status(0);
}

describe("events().publish()", () => {
  it("sends what it was given, with an id of its own, and the sender in a tag where that is wanted", async () => {
    const sent: Event[] = [];
    const { client } = open((call) => {
      const event = Event.decode(firstMessage(call));
      sent.push(event);
      answerWith(call, Result.encode({ EventID: event.EventID, Sent: true, Error: "" }).finish());
    }, { tagSender: true });
    const { id } = await events(client).publish("a/b", { metadata: "m", body, tags: [["k", "v"]] });
    expect(id).toMatch(/^[\da-f-]{36}$/);
    expect(sent).toMatchObject([{ EventID: id, ClientID: "me", Channel: "a/b", Metadata: "m", Store: false, Tags: new Map([["k", "v"], [SENDER_TAG, "me"]]) }]);
  });

  it.each<[string, string, object]>([
    ["Error 107: invalid channel value, no wildcards are allowed", "invalid_argument", { applied: "no" }],
    ["Error 412: access denied to resource", "permission_denied", { applied: "no" }],
    ["Error 409: server is in shutdown mode", "unavailable", { applied: "unknown" }],
    ["Error 200: server crushed and recovered", "internal", { applied: "unknown" }],
  ])("reads the broker's %s", async (text, code, more) => {
    const { client } = open((call) => call.status(13, text), { retry: false });
    await expect(events(client).publish("c", { body })).rejects.toMatchObject({ code, system: "kubemq", ...more });
  });

  it("sends a token as it is, and another after the broker refused it", async () => {
    const { client, calls } = open((call, index) => {
      if (index === 0) call.status(16, "Error 421: authentication verification failed, expired");
      else answerWith(call, Result.encode({ EventID: "e", Sent: true, Error: "" }).finish());
    }, { authToken: ({ refresh }) => (refresh ? "fresh" : "stale") });
    await events(client).publish("c", { body });
    expect(calls.map(({ call }) => call.headers.get("authorization"))).toEqual(["stale", "fresh"]);
  });
});

describe("publishAll()", () => {
  it("of stored events gives a result for each, in order", async () => {
    const { client, calls } = open((call) => void (async () => {
      for await (const bytes of call.call.messages) {
        const { EventID, Channel, Store } = Event.decode(bytes);
        expect({ Channel, Store }).toEqual({ Channel: "c", Store: true });
        call.chunk(Result.encode({ EventID, Sent: EventID !== "2", Error: EventID === "2" ? "nats: maximum payload exceeded" : "" }).finish());
      }
      call.status(0);
    })());
    const results = [];
    for await (const result of eventsStore(client).publishAll("c", ["1", "2", "3"].map((id) => ({ id, body })))) results.push(result);
    expect(results).toMatchObject([{ id: "1" }, { id: "2", error: { code: "resource_exhausted", applied: "no" } }, { id: "3" }]);
    expect(calls[0]?.call).toMatchObject({ path: kubemqMethods.sendEventsStream.path, duplex: "full" });
  });

  it("ends with the error of a wrong event, and of a call that ends before its results", async () => {
    const { client } = open((call) => void (async () => {
      for await (const bytes of call.call.messages) void bytes;
      call.status(0);
    })().catch(() => {}));
    const all = async (items: AsyncIterable<unknown>): Promise<void> => { for await (const item of items) void item; };
    await expect(all(eventsStore(client).publishAll("c", [{ body }, {}]))).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(all(eventsStore(client).publishAll("c", [{ body }]))).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
    await all(events(client).publishAll("c", [{ body }]));
  });
});

describe("events().subscribe()", () => {
  it("comes back when it is cut, and says from then on that events may have been missed", async () => {
    const { client, calls } = open((call, index) => {
      call.headers();
      call.chunk(EventReceive.encode({ EventID: `e${index}`, Channel: "c", Metadata: "", Body: body, Timestamp: 0n, Sequence: 0n, Tags: new Map() }).finish());
    });
    const subscription = events(client).subscribe("foo.>", { group: "g" });
    const iterator = subscription.values({ preventCancel: true });
    expect((await iterator.next()).value?.id).toBe("e0");
    expect(subscription.state).toEqual({ kind: "live" });
    expect(subscription.position).toBeUndefined();
    calls[0]?.fail(new MillraceError("unavailable", "The connection was cut"));
    expect((await iterator.next()).value?.id).toBe("e1");
    expect(subscription.state).toEqual({ kind: "live", gap: true });
    expect(Subscribe.decode(firstMessage(calls[0] as ScriptedCall))).toMatchObject({ SubscribeTypeData: 1, ClientID: "me", Channel: "foo.>", Group: "g", EventsStoreTypeData: 0 });
    await subscription.close();
  });
});

describe("serve()", () => {
  /** A broker that sends `count` requests and keeps the replies. */
  function served(count: number): { open: (options?: Partial<KubeMqOptions>) => ReturnType<typeof open>; replies: Response[] } {
    const replies: Response[] = [];
    return {
      replies,
      open: (options) => open((call) => {
        if (call.call.path === kubemqMethods.sendResponse.path) {
          replies.push(Response.decode(firstMessage(call)));
          return answerWith(call, new Uint8Array(0));
        }
        call.headers();
        for (let n = 0; n < count; n++) {
          call.chunk(Request.encode({
            RequestID: `r${n}`, RequestTypeData: 2, ClientID: "asker", Channel: "c", Metadata: "", Body: body, ReplyChannel: `_INBOX.${n}`, Timeout: 1_000, CacheKey: "", CacheTTL: 0,
            Span: new Uint8Array(0), Tags: new Map(),
          }).finish());
        }
      }, options),
    };
  }

  it("answers with all eight fields as the handler gives them", async () => {
    const { open: start, replies } = served(1);
    const reply: Reply = { body, metadata: "m", executed: false, error: "no", cacheHit: true, timestamp: new Date(1_700_000_000_000), clientId: "other", tags: { k: "v" } };
    const serving = queries(start().client).serve("c", () => reply);
    await expect.poll(() => replies).toMatchObject([{
      RequestID: "r0", ReplyChannel: "_INBOX.0", Metadata: "m", Executed: false, Error: "no", CacheHit: true, Timestamp: 1_700_000_000_000_000_000n, ClientID: "other", Tags: new Map([["k", "v"]]),
    }]);
    await serving.close();
    await serving.done;
  });

  it("fills in what the handler leaves out, and answers what it throws", async () => {
    const { open: start, replies } = served(2);
    const serving = commands(start().client).serve("c", ({ id }) => {
      if (id === "r1") throw new Error("out of stock");
    });
    await expect.poll(() => replies.length).toBe(2);
    expect(replies).toMatchObject([{ Executed: true, Error: "", ClientID: "me" }, { Executed: false, Error: "out of stock" }]);
    await serving.close();
  });

  it("handles one request after the other, or as many at once as `concurrency` says", async () => {
    for (const concurrency of [1, 3]) {
      const { open: start, replies } = served(9);
      let busy = 0;
      let most = 0;
      const serving = queries(start().client).serve("c", async () => {
        most = Math.max(most, ++busy);
        await Promise.resolve();
        await new Promise((resolve) => { setImmediate(resolve); });
        busy--;
      }, { concurrency });
      await expect.poll(() => replies.length).toBe(9);
      expect(most).toBe(concurrency);
      await serving.close();
    }
  });
});

describe("queries().send()", () => {
  it("asks with its timeout and cache, and tells a reply's clock by its size", async () => {
    const asked: Request[] = [];
    const { client } = open((call) => {
      const request = Request.decode(firstMessage(call));
      asked.push(request);
      answerWith(call, Response.encode({
        RequestID: request.RequestID, ClientID: "r", ReplyChannel: "", Metadata: "m", Body: body, CacheHit: true, Timestamp: [1_700_000_000n, 1_700_000_000_000n, 1_700_000_000_000_000_000n][asked.length - 1] ?? 0n,
        Executed: true, Error: "None", Span: new Uint8Array(0), Tags: new Map(),
      }).finish());
    });
    for (let n = 0; n < 3; n++) {
      expect(await queries(client).send("c", { body, timeoutMs: 700, cacheKey: "k", cacheTtlSeconds: 9 })).toMatchObject({ executed: true, error: undefined, cacheHit: true, metadata: "m", timestamp: new Date(1_700_000_000_000) });
    }
    expect(asked[0]).toMatchObject({ RequestTypeData: 2, Timeout: 700, CacheKey: "k", CacheTTL: 9, ReplyChannel: "" });
  });
});
