import { create, fromBinary, toBinary, type DescMessage, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { payloadsOf } from "millrace/internal/wire/frames";
import type { Carrier, CarrierCall, CarrierResponse } from "millrace/carrier";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StatusSchema } from "../../gen/es/google/rpc/status_pb.js";
import { ChatResponseSchema, CollectResponseSchema, CountResponseSchema, EchoResponseSchema, EchoService, FailureSchema, OpenResponseSchema } from "../support/proto/echo_pb.js";
import { each, errorOf, queue, until } from "./streams.js";

/** A carrier on the way to an echo service. */
export interface CarrierBackend {
  readonly name: string;
  open(): Carrier | Promise<Carrier>;
  /** Which request streams it carries: none, those it may collect first, or all. */
  readonly requestStreams: "none" | "collected" | "all";
  /** What its refusal of the others says. */
  readonly refusal?: RegExp;
}

const { echo, count, collect, chat, open } = EchoService.method;
const KINDS = { unary: "unary", server_streaming: "server", client_streaming: "client", bidi_streaming: "bidi" } as const;
const LONG_MS = 600_000;

let names = 0;
const uniqueName = (): string => `carrier-${++names}-${Math.random().toString(36).slice(2)}`;

/** A call of the echo service with all that a carrier asks for. */
function callOf(method: DescMethod, messages: CarrierCall["messages"], more: Partial<CarrierCall> = {}): CarrierCall {
  return { path: `/${EchoService.typeName}/${method.name}`, kind: KINDS[method.methodKind], lane: "short", cancel: "delayed", headers: new Headers(), messages, ...more };
}

function encode<Method extends DescMethod & { input: DescMessage }>(method: Method, init: MessageInitShape<Method["input"]>): Uint8Array {
  return toBinary(method.input, create(method.input, init));
}

/** The answer's messages until it ends. Fails on a chunk that is not made of whole envelopes. */
async function readAll<Schema extends DescMessage>(schema: Schema, { chunks }: CarrierResponse): Promise<MessageShape<Schema>[]> {
  const messages: MessageShape<Schema>[] = [];
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
    messages.push(...payloadsOf(chunk.value).map((bytes) => fromBinary(schema, bytes)));
  }
  return messages;
}

/** A gateway that was asked for heartbeats begins its answer before the server does; the server's headers come with its trailers. */
function promisesHeartbeats(headers: Headers): boolean {
  return headers.has("millrace-heartbeat-ms");
}

/** What every carrier does with every kind of call. Runs in Node and in a page. */
export function carrierSpec({ name, open: openCarrier, requestStreams, refusal = /stream|directions/ }: CarrierBackend): void {
  describe(`a carrier: ${name}`, () => {
    let carrier: Carrier;
    beforeAll(async () => { carrier = await openCarrier(); });
    afterAll(() => carrier?.close());

    const openCalls = async (echoName: string): Promise<number> => {
      const [answer] = await readAll(OpenResponseSchema, carrier.call(callOf(open, [encode(open, { name: echoName })])));
      return answer?.calls ?? -1;
    };
    const freed = (echoName: string): Promise<void> => until(`${echoName} is freed`, async () => (await openCalls(echoName)) === 0);
    const endless = (more: Partial<CarrierCall> = {}): CarrierCall => callOf(count, [encode(count, { to: 1_000, pauseMs: LONG_MS })], more);

    it("carries a unary call: its message both ways, headers, trailers", async () => {
      const headers = new Headers({ "echo-header": "there and back", "echo-bin": "AP8B" });
      const response = carrier.call(callOf(echo, [encode(echo, { text: "größer", data: new Uint8Array([0, 255]) })], { headers }));
      const [message, more] = await readAll(EchoResponseSchema, response);
      expect([message?.text, ...(message?.data ?? [])]).toEqual(["größer", 0, 255]);
      expect(more).toBeUndefined();
      const header = await response.headers;
      expect([header.get("echo-header"), header.get("echo-bin")]).toEqual(["there and back", "AP8B"]);
      const trailers = await response.trailers;
      expect(trailers).toMatchObject({ status: 0, message: "" });
      expect([trailers.headers.get("echo-trailer"), trailers.headers.get("echo-trailer-bin")]).toEqual(["at the end", "AAH/"]);
    });

    it("carries a megabyte, whole", async () => {
      const data = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
      const [message] = await readAll(EchoResponseSchema, carrier.call(callOf(echo, [encode(echo, { data })])));
      expect(message?.data.length).toBe(data.length);
      expect(message?.data.every((byte, at) => byte === at % 251)).toBe(true);
    });

    it("carries a server stream in order, in whole envelopes", async () => {
      const messages = await readAll(CountResponseSchema, carrier.call(callOf(count, [encode(count, { to: 500, paddingBytes: 300 })])));
      expect(messages.map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
    });

    it("gives a stream's headers before its messages, to who asks for no message", async () => {
      const response = carrier.call(endless({ headers: new Headers({ "echo-header": "early" }) }));
      const header = await response.headers;
      if (!promisesHeartbeats(header)) expect(header.get("echo-header")).toBe("early");
      const first = await response.chunks.next();
      expect(payloadsOf(first.value as Uint8Array).map((bytes) => fromBinary(CountResponseSchema, bytes).number)).toEqual([1]);
      await response.chunks.return?.();
    });

    const texts = ["one", "two", "three"];
    const collected = (): CarrierCall => callOf(collect, texts.map((text) => encode(collect, { text })));
    const chatHalf = (): CarrierCall => callOf(chat, each(texts.map((text) => encode(chat, { text }))), { duplex: "half" });

    if (requestStreams === "none") {
      it.each([["client streaming", collected], ["half-duplex bidi", chatHalf]] as const)("refuses %s", async (_kind, call) => {
        const { chunks } = carrier.call(call());
        expect(await errorOf(chunks.next())).toMatchObject({ code: "unsupported", applied: "no", message: expect.stringMatching(refusal) });
      });
    } else {
      it("carries client streaming", async () => {
        expect(await readAll(CollectResponseSchema, carrier.call(collected()))).toMatchObject([{ texts }]);
      });

      it("carries client streaming without a message", async () => {
        expect(await readAll(CollectResponseSchema, carrier.call(callOf(collect, [])))).toMatchObject([{ texts: [] }]);
      });

      it("carries half-duplex bidi", async () => {
        expect(await readAll(ChatResponseSchema, carrier.call(chatHalf()))).toMatchObject(texts.map((text, at) => ({ text, number: at + 1 })));
      });

      it("gives the error of whatever the requests come from as it is", async () => {
        const reason = new Error("no more requests");
        const { chunks, headers } = carrier.call(callOf(collect, (async function* () { yield encode(collect, { text: "one" }); throw reason; })()));
        expect(await errorOf(chunks.next())).toBe(reason);
        expect(await errorOf(headers)).toBe(reason);
      });

      it("tells whatever the requests come from when the call is aborted", async () => {
        const requests = queue<Uint8Array>();
        const own = new AbortController();
        const { chunks } = carrier.call(callOf(collect, requests, { signal: own.signal }));
        const failing = errorOf(chunks.next());
        requests.push(encode(collect, { text: "one" }));
        await requests.asked(2);
        own.abort(new Error("enough"));
        expect(await failing).toBe(own.signal.reason);
        await requests.left;
      });
    }

    if (requestStreams === "all") {
      it("carries full-duplex bidi: 1 000 rounds, each answered before the next is asked", async () => {
        const requests = queue<Uint8Array>();
        const { chunks, trailers } = carrier.call(callOf(chat, requests, { duplex: "full" }));
        for (let round = 1; round <= 1_000; round++) {
          requests.push(encode(chat, { text: `${round}` }));
          const { value } = await chunks.next();
          const answers = payloadsOf(value as Uint8Array).map((bytes) => fromBinary(ChatResponseSchema, bytes));
          if (answers.length !== 1 || answers[0]?.number !== round) expect(answers).toMatchObject([{ text: `${round}`, number: round }]);
        }
        requests.end();
        expect(await chunks.next()).toMatchObject({ done: true });
        expect(await trailers).toMatchObject({ status: 0 });
      });
    } else {
      it("refuses full-duplex bidi at once, and says what to use", async () => {
        const requests = queue<Uint8Array>();
        const { chunks, headers, trailers } = carrier.call(callOf(chat, requests, { duplex: "full" }));
        const error = await errorOf(chunks.next());
        expect(error).toMatchObject({ code: "unsupported", applied: "no", message: expect.stringMatching(/use /) });
        expect([await errorOf(headers), await errorOf(trailers)]).toEqual([error, error]);
      });
    }

    const failure = { code: 9, message: "nicht möglich: 100 %" };

    it.each([
      ["instead of an answer", () => callOf(echo, [encode(echo, { failure })]), 0],
      ["before the first message", () => callOf(count, [encode(count, { failure })]), 0],
      ["after three messages", () => callOf(count, [encode(count, { to: 3, failure })]), 3],
    ] as const)("gives the server's error %s: status, text, metadata, details", async (_when, call, before) => {
      const response = carrier.call(call());
      expect(await readAll(CountResponseSchema, response)).toHaveLength(before);
      const { status, message, headers } = await response.trailers;
      expect([status, message]).toEqual([failure.code, failure.message]);
      expect([headers.get("echo-failure"), headers.get("echo-failure-bin")]).toEqual(["with metadata", "/wAB"]);
      const details = fromBinary(StatusSchema, Uint8Array.from(atob(headers.get("grpc-status-details-bin") ?? ""), (c) => c.charCodeAt(0)));
      expect(details.details.map(({ typeUrl, value }) => [typeUrl, fromBinary(FailureSchema, value)])).toMatchObject([["type.googleapis.com/millrace.test.v1.Failure", failure]]);
      await response.headers;
    });

    it("ends a call at its time-out, and tells the server of it", async () => {
      const echoName = uniqueName();
      const told = carrier.call(callOf(count, [encode(count, { to: 1 })], { timeoutMs: 10_000 }));
      await readAll(CountResponseSchema, told);
      const { headers } = await told.trailers;
      expect((await told.headers).get("echo-has-limit") ?? headers.get("echo-has-limit")).toBe("true");
      const at = performance.now();
      const response = carrier.call(endless({ timeoutMs: 300, headers: new Headers({ "echo-name": echoName }) }));
      // Whichever is first: this side's clock or the server's.
      const end = await readAll(CountResponseSchema, response).then(() => response.trailers, (error: unknown) => error);
      expect([4, "timeout"]).toContain((end as { status?: number }).status ?? (end as { code?: string }).code);
      expect(performance.now() - at).toBeGreaterThan(250);
      expect(performance.now() - at).toBeLessThan(5_000);
      await freed(echoName);
    });

    it("takes 0 for no time-out", async () => {
      const response = carrier.call(callOf(echo, [encode(echo, { text: "in time", delayMs: 20 })], { timeoutMs: 0 }));
      expect(await readAll(EchoResponseSchema, response)).toMatchObject([{ text: "in time" }]);
      expect((await response.headers).get("echo-has-limit")).toBe("false");
    });

    it("rejects all of a call with the caller's reason, whatever that is", async () => {
      for (const reason of [new Error("mine"), new DOMException("mine", "AbortError"), "a word"]) {
        const own = new AbortController();
        const echoName = uniqueName();
        const response = carrier.call(endless({ signal: own.signal, headers: new Headers({ "echo-name": echoName }) }));
        await response.chunks.next();
        const pending = errorOf(response.chunks.next());
        own.abort(reason);
        expect(await pending).toBe(reason);
        expect(await errorOf(response.chunks.next())).toBe(reason);
        expect(await errorOf(response.trailers)).toBe(reason);
        await freed(echoName);
      }
    });

    it("rejects a unary call with the caller's reason while the server is at it", async () => {
      const own = new AbortController();
      const echoName = uniqueName();
      const response = carrier.call(callOf(echo, [encode(echo, { delayMs: LONG_MS })], { signal: own.signal, headers: new Headers({ "echo-name": echoName }) }));
      await until("the call arrives", async () => (await openCalls(echoName)) === 1);
      own.abort(new Error("mine"));
      expect(await errorOf(response.headers)).toBe(own.signal.reason);
      await freed(echoName);
    });

    it("sends nothing for a call that is aborted already", async () => {
      const own = AbortSignal.abort(new Error("before"));
      const response = carrier.call(callOf(echo, { [Symbol.iterator]: () => { throw new Error("was asked for a message"); } }, { signal: own }));
      expect(await errorOf(response.chunks.next())).toBe(own.reason);
      expect(await errorOf(response.headers)).toBe(own.reason);
    });

    it("frees the server's call when its answer is left, and lets a pending message go", async () => {
      const echoName = uniqueName();
      const { chunks, trailers } = carrier.call(endless({ headers: new Headers({ "echo-name": echoName }) }));
      await chunks.next();
      expect(await openCalls(echoName)).toBe(1);
      const pending = chunks.next();
      await chunks.return?.();
      expect(await pending).toMatchObject({ done: true });
      expect(await errorOf(trailers)).toMatchObject({ code: "unavailable" });
      await freed(echoName);
    });

    it("ends a call at a message above its limit, after those below it", async () => {
      const echoName = uniqueName();
      const small = carrier.call(callOf(count, [encode(count, { to: 2, paddingBytes: 900 })], { maxMessageBytes: 1_000 }));
      expect(await readAll(CountResponseSchema, small)).toHaveLength(2);
      const large = carrier.call(endless({ messages: [encode(count, { to: 2, paddingBytes: 1_000 })], maxMessageBytes: 1_000, headers: new Headers({ "echo-name": echoName }) }));
      expect(await errorOf(large.chunks.next())).toMatchObject({ code: "resource_exhausted" });
      await freed(echoName);
    });

    it("refuses what is no message, and more than one where one is due, before anything is sent", async () => {
      const echoName = uniqueName();
      const headers = new Headers({ "echo-name": echoName });
      for (const messages of [[], [new Uint8Array(), new Uint8Array()], ["text" as unknown as Uint8Array]]) {
        expect(await errorOf(carrier.call(callOf(echo, messages, { headers })).chunks.next())).toMatchObject({ code: "invalid_argument", applied: "no" });
      }
      expect(await openCalls(echoName)).toBe(0);
    });

    it("has an end for a method that the service has not", async () => {
      const { chunks, trailers } = carrier.call({ ...callOf(echo, [new Uint8Array()]), path: `/${EchoService.typeName}/Nothing` });
      const end = await chunks.next().then(() => trailers, (error: unknown) => error);
      expect([12, "unsupported"]).toContain((end as { status?: number }).status ?? (end as { code?: string }).code);
    });

    it("ends all calls with `unavailable` when it is closed, and takes no more", async () => {
      const own = await openCarrier();
      const echoName = uniqueName();
      const { chunks } = own.call(endless({ headers: new Headers({ "echo-name": echoName }) }));
      await chunks.next();
      const pending = errorOf(chunks.next());
      await own.close();
      await own.close();
      expect(await pending).toMatchObject({ code: "unavailable" });
      expect(await errorOf(own.call(callOf(echo, [encode(echo, {})])).chunks.next())).toMatchObject({ code: "unavailable" });
      await freed(echoName);
    });
  });
}
