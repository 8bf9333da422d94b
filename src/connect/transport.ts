import { fromBinary, toBinary, type DescMessage, type DescMethod, type MessageShape } from "@bufbuild/protobuf";
import { createContextValues, type Interceptor, type StreamRequest, type StreamResponse, type Transport, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { MillraceError } from "../core/errors.js";
import { linkSignals } from "../core/signal.js";
import type { Carrier, CarrierResponse } from "../carrier/types.js";
import { payloadsOf } from "../wire/frames.js";
import { allMethods } from "../wire/methods.js";
import type { MethodKind } from "../wire/call-kinds.js";
import { connectErrorOfFailure, connectErrorOfStatus } from "./errors.js";

/** How {@link createTransport} makes calls. */
export interface TransportOptions {
  /** Applied to each call, the last one closest to the wire; none by default. */
  interceptors?: Interceptor[] | undefined;
  /** Milliseconds for a call that names none of its own; no limit by default. */
  defaultTimeoutMs?: number | undefined;
  /**
   * How bidi calls go: `full` (the default) in both directions at once, which fetch refuses; `half` sends what there
   * is, once the requests end, and then takes the answers, which any carrier can.
   */
  duplex?: "half" | "full" | undefined;
}

const KINDS: Record<DescMethod["methodKind"], MethodKind> = {
  unary: "unary", server_streaming: "server", client_streaming: "client", bidi_streaming: "bidi",
};

/**
 * A Connect transport over a carrier, for any client that Connect makes: all four kinds of methods, wherever the carrier
 * goes. Errors are `ConnectError`s with the server's code, text, metadata and details; ours are their `cause`.
 *
 * Connect's own client keeps a stream open when its loop is left; abort its `signal`. A stream taken from the
 * transport itself is freed when its loop is left.
 */
export function createTransport(carrier: Carrier, options: TransportOptions = {}): Transport {
  const { interceptors, defaultTimeoutMs, duplex } = options;
  const table = allMethods();
  const start = (method: DescMethod, { header, signal }: Pick<UnaryRequest, "header" | "signal">, messages: AsyncIterable<Uint8Array>, timeoutMs: number | undefined): CarrierResponse => {
    const path = pathOf(method);
    const kind = KINDS[method.methodKind];
    const known = table.get(path);
    const lane = known?.lane ?? (kind === "unary" || kind === "client" ? "short" : "live");
    return carrier.call({ path, kind, duplex, lane, cancel: known?.cancel ?? "delayed", headers: header, messages, signal, timeoutMs });
  };
  return {
    unary(method, signal, callTimeoutMs, header, message, contextValues) {
      const timeoutMs = callTimeoutMs ?? defaultTimeoutMs;
      return runUnaryCall({
        interceptors, signal, timeoutMs,
        req: { stream: false, message, ...common(method, header, contextValues) },
        next: async (request): Promise<UnaryResponse<typeof method.input, typeof method.output>> => {
          const response = start(method, request, one(toBinary(method.input, request.message)), timeoutMs);
          const trailer = new Headers();
          const answers = decoded(method.output, response, trailer);
          const first = await answers.next();
          if (first.done === true || (await answers.next()).done !== true) throw misanswered(pathOf(method));
          return { stream: false, service: method.parent, method, header: await response.headers, trailer, message: first.value };
        },
      });
    },
    async stream(method, signal, callTimeoutMs, header, message, contextValues) {
      const timeoutMs = callTimeoutMs ?? defaultTimeoutMs;
      const own = linkSignals(signal);
      const response = await runStreamingCall({
        interceptors, signal: own.signal, timeoutMs,
        req: { stream: true, message, ...common(method, header, contextValues) },
        next: async (request): Promise<StreamResponse<typeof method.input, typeof method.output>> => {
          const answer = start(method, request, encoded(method.input, request.message), timeoutMs);
          const trailer = new Headers();
          const responseHeaders = await answer.headers.catch((error: unknown) => { throw connectErrorOfFailure(error); });
          const messages = decoded(method.output, answer, trailer);
          return { stream: true, service: method.parent, method, header: responseHeaders, trailer, message: { [Symbol.asyncIterator]: () => messages } };
        },
      }).catch((error: unknown) => {
        own.release();
        throw error;
      });
      return { ...response, message: leavable(response.message, own.abort) };
    },
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function common<Method extends DescMethod>(method: Method, header: HeadersInit | undefined, contextValues: StreamRequest["contextValues"] | undefined) {
  return {
    service: method.parent, method, requestMethod: "POST", url: pathOf(method),
    header: new Headers(header), contextValues: contextValues ?? createContextValues(),
  };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* encoded<Schema extends DescMessage>(schema: Schema, messages: AsyncIterable<MessageShape<Schema>>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield toBinary(schema, message);
}

/** The messages of an answer. Fills `trailer` at its end, and throws Connect's error for a status other than 0. */
function decoded<Schema extends DescMessage>(schema: Schema, response: CarrierResponse, trailer: Headers): AsyncIterator<MessageShape<Schema>, undefined> {
  let held: Uint8Array[] = [];
  return {
    async next() {
      try {
        while (held.length === 0) {
          const chunk = await response.chunks.next();
          if (chunk.done === true) return await end(response, trailer);
          held = payloadsOf(chunk.value);
        }
      } catch (error) {
        throw connectErrorOfFailure(error);
      }
      return { done: false, value: fromBinary(schema, held.shift() as Uint8Array) };
    },
  };
}

async function end(response: CarrierResponse, trailer: Headers): Promise<{ done: true; value: undefined }> {
  const trailers = await response.trailers;
  if (trailers.status !== 0) throw connectErrorOfStatus(trailers);
  trailers.headers.forEach((value, name) => trailer.append(name, value));
  return { done: true, value: undefined };
}

/** Connect's stream has no way to leave it; this one aborts the call. */
function leavable<Message>(messages: AsyncIterable<Message>, abort: (reason: unknown) => void): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      return {
        next: () => iterator.next(),
        async return() {
          abort(new MillraceError("unavailable", "The stream was left"));
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function misanswered(path: string): MillraceError {
  return new MillraceError("protocol", `${path} was not answered with one message`, { applied: "unknown" });
}
