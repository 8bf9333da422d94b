import { Code, ConnectError, createClient, createContextKey, createContextValues, type Client, type Interceptor, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoService, FailureSchema, type CountResponse } from "../support/proto/echo_pb.js";
import { each, errorOf, queue, until } from "./streams.js";

/** Where a transport comes from, on the way to an echo service. */
export interface TransportBackend {
  readonly name: string;
  /** Makes a transport with these interceptors; what it stands on is closed with the returned function. */
  open(interceptors?: Interceptor[]): { transport: Transport; close?: () => Promise<void> };
  /** Which request streams it carries: none, client streaming alone, client streaming and bidi after the requests, or all. */
  readonly requestStreams: "none" | "client" | "half" | "full";
  /** Whether it is one of ours: leaving the loop over a stream ends the call, and an abort has its reason as cause. */
  readonly ours: boolean;
}

const LONG_MS = 600_000;

let names = 0;
const uniqueName = (): string => `transport-${++names}-${Math.random().toString(36).slice(2)}`;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What a client that Connect made does on every transport. Runs in Node and in a page. */
export function transportSpec({ name, open, requestStreams, ours }: TransportBackend): void {
  describe(`a Connect client on ${name}`, () => {
    let opened: ReturnType<typeof open>;
    let client: Client<typeof EchoService>;
    beforeAll(() => {
      opened = open();
      client = createClient(EchoService, opened.transport);
    });
    afterAll(() => opened?.close?.());

    const openCalls = async (echoName: string): Promise<number> => (await client.open({ name: echoName })).calls;
    const freed = (echoName: string): Promise<void> => until(`${echoName} is freed`, async () => (await openCalls(echoName)) === 0);

    it("makes a unary call, with headers and trailers", async () => {
      let header = new Headers();
      let trailer = new Headers();
      const answer = await client.echo({ text: "größer", data: new Uint8Array([0, 255]) }, {
        headers: { "echo-header": "there and back" },
        onHeader: (headers) => { header = headers; },
        onTrailer: (trailers) => { trailer = trailers; },
      });
      expect([answer.text, ...answer.data]).toEqual(["größer", 0, 255]);
      expect([header.get("echo-header"), trailer.get("echo-trailer"), trailer.get("echo-trailer-bin")]).toEqual(["there and back", "at the end", "AAH/"]);
    });

    it("makes a server stream, with trailers", async () => {
      let trailer = new Headers();
      const numbers = await all(client.count({ to: 200, paddingBytes: 500 }, { onTrailer: (trailers) => { trailer = trailers; } }));
      expect(numbers.map(({ number }) => number)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
      expect(trailer.get("echo-trailer")).toBe("at the end");
    });

    const texts = ["one", "two", "three"];
    const requests = (): AsyncIterable<{ text: string }> => each(texts.map((text) => ({ text })));

    if (requestStreams === "none") {
      it.each([["client streaming", () => client.collect(requests())], ["bidi", () => all(client.chat(requests()))]] as const)("refuses %s", async (_kind, call) => {
        expect((await errorOf(call())) as ConnectError).toMatchObject({ code: ours ? Code.Unimplemented : Code.Unknown, rawMessage: expect.stringMatching(/stream/) });
      });
    } else {
      it("makes a call of client streaming", async () => {
        expect((await client.collect(requests())).texts).toEqual(texts);
      });
    }

    if (requestStreams === "client") {
      it("refuses full-duplex bidi, and says what to use", async () => {
        expect((await errorOf(all(client.chat(requests())))) as ConnectError).toMatchObject({ code: Code.Unimplemented, rawMessage: expect.stringMatching(/use the tunnel or an http2Carrier/) });
      });
    }

    if (requestStreams === "half") {
      it("makes a bidi call whose answers come after the requests", async () => {
        expect(await all(client.chat(requests()))).toMatchObject(texts.map((text, at) => ({ text, number: at + 1 })));
      });
    }

    if (requestStreams === "full") {
      it("makes a bidi call: 1 000 rounds, each answered before the next is asked", async () => {
        const asked = queue<{ text: string }>();
        const answers = client.chat(each(asked))[Symbol.asyncIterator]();
        for (let round = 1; round <= 1_000; round++) {
          asked.push({ text: `${round}` });
          const { value } = await answers.next();
          if (value?.number !== round) expect(value).toMatchObject({ text: `${round}`, number: round });
        }
        asked.end();
        expect(await answers.next()).toMatchObject({ done: true });
      });
    }

    const failure = { code: 9, message: "nicht möglich: 100 %" };

    it.each([
      ["a unary call", () => client.echo({ failure }).then(() => [])],
      ["a stream before its first message", () => all(client.count({ failure }))],
      ["a stream after three messages", () => all(client.count({ to: 3, failure }))],
    ] as const)("throws the server's error of %s: code, text, metadata, details", async (_what, call) => {
      const error = await errorOf(call()) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      expect([error.code, error.rawMessage]).toEqual([failure.code, failure.message]);
      expect([error.metadata.get("echo-failure"), error.metadata.get("echo-failure-bin")]).toEqual(["with metadata", "/wAB"]);
      expect(error.findDetails(FailureSchema)).toMatchObject([failure]);
    });

    it("gives the messages that came before an error", async () => {
      const numbers: number[] = [];
      const error = await errorOf((async () => { for await (const { number } of client.count({ to: 3, failure })) numbers.push(number); })());
      expect(error).toMatchObject({ code: failure.code });
      expect(numbers).toEqual([1, 2, 3]);
    });

    it("ends a call at its time-out with DeadlineExceeded", async () => {
      const at = performance.now();
      const headers = { "echo-name": uniqueName() };
      expect(await errorOf(client.echo({ delayMs: LONG_MS }, { timeoutMs: 200, headers }))).toMatchObject({ code: Code.DeadlineExceeded });
      expect(await errorOf(all(client.count({ to: 2, pauseMs: LONG_MS }, { timeoutMs: 200, headers })))).toMatchObject({ code: Code.DeadlineExceeded });
      expect(performance.now() - at).toBeLessThan(5_000);
      await freed(headers["echo-name"]);
    });

    it("takes a time-out of 0 for none", async () => {
      expect(await client.echo({ text: "in time", delayMs: 20 }, { timeoutMs: 0 })).toMatchObject({ text: "in time" });
    });

    it.each([["an error", new Error("mine")], ["an AbortError", new DOMException("mine", "AbortError")]])("ends a call that is aborted by %s with Canceled, here and at the server", async (_kind, reason) => {
      const echoName = uniqueName();
      const own = new AbortController();
      const options = { signal: own.signal, headers: { "echo-name": echoName } };
      const unary = errorOf(client.echo({ delayMs: LONG_MS }, options));
      const stream = client.count({ to: 2, pauseMs: LONG_MS }, options)[Symbol.asyncIterator]();
      expect((await stream.next()).value).toMatchObject({ number: 1 });
      const pending = errorOf(stream.next());
      await until("both calls are there", async () => (await openCalls(echoName)) === 2);
      own.abort(reason);
      for (const error of [await unary, await pending] as ConnectError[]) {
        expect(error).toMatchObject({ code: Code.Canceled, rawMessage: "mine" });
        if (ours) expect(error.cause).toBe(reason);
      }
      await freed(echoName);
    });

    it("runs interceptors, which see the call, its values, and may change it", async () => {
      const key = createContextKey("nothing");
      const seen: string[] = [];
      const own = open([
        (next) => (request) => { seen.push(`outer ${request.contextValues.get(key)} ${new URL(request.url).pathname}`); return next(request); },
        (next) => (request) => { seen.push("inner"); request.header.set("echo-header", "by interceptor"); return next(request); },
      ]);
      try {
        let header = new Headers();
        const contextValues = createContextValues().set(key, "something");
        await createClient(EchoService, own.transport).echo({}, { contextValues, onHeader: (headers) => { header = headers; } });
        expect(seen).toEqual([`outer something /${EchoService.typeName}/Echo`, "inner"]);
        expect(header.get("echo-header")).toBe("by interceptor");
      } finally {
        await own.close?.();
      }
    });

    it("lets an interceptor make a call again", async () => {
      let tries = 0;
      const own = open([(next) => async (request) => {
        tries++;
        return next(request).catch(() => { tries++; return next(request); });
      }]);
      try {
        expect(await errorOf(createClient(EchoService, own.transport).echo({ failure }))).toMatchObject({ code: failure.code, rawMessage: failure.message });
        expect(tries).toBe(2);
      } finally {
        await own.close?.();
      }
    });

    if (ours) {
      it("ends the call when the loop over a transport's own stream is left, and tells of no error", async () => {
        const echoName = uniqueName();
        const response = await opened.transport.stream(EchoService.method.count, undefined, undefined, { "echo-name": echoName }, each([{ to: 2, pauseMs: LONG_MS }]));
        const numbers: CountResponse[] = [];
        for await (const message of response.message) {
          numbers.push(message);
          expect(await openCalls(echoName)).toBe(1);
          break;
        }
        expect(numbers).toMatchObject([{ number: 1 }]);
        await freed(echoName);
      });

      it("leaves no listener on the caller's signal", async () => {
        const own = new AbortController();
        const listeners = new Set<unknown>();
        const { signal } = own;
        const add = signal.addEventListener.bind(signal);
        const remove = signal.removeEventListener.bind(signal);
        signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => { listeners.add(listener); add(type, listener, options); };
        signal.removeEventListener = (type: string, listener: EventListener) => { listeners.delete(listener); remove(type, listener); };
        await client.echo({}, { signal });
        await all(client.count({ to: 3 }, { signal }));
        await errorOf(all(client.count({ to: 3, failure }, { signal })));
        const { message } = await opened.transport.stream(EchoService.method.count, signal, undefined, undefined, each([{ to: 2, pauseMs: LONG_MS }]));
        for await (const _first of message) break;
        expect(listeners.size).toBe(0);
      });
    }
  });
}
