import { toBinary, type DescMessage, type DescMethodStreaming, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import { createContextValues, type Interceptor, type StreamRequest, type StreamResponse, type Transport, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import type { Carrier, CarrierCall, CarrierResponse } from "../carrier/types.js";
import { checkInteger, checkOptions, invalidArgument, MAX_TIMER_MS } from "../core/arguments.js";
import { MillraceError } from "../core/errors.js";
import { linkSignals } from "../core/signal.js";
import { allMethods, type Method } from "../wire/methods.js";
import { decodeAnswer } from "./answer.js";
import { kindOfMethod, pathOfMethod } from "./described-method.js";
import { connectErrorOfFailure, withAbortReason } from "./errors.js";
import { leavable } from "./leavable.js";

/** How {@link createTransport} makes calls. */
export interface TransportOptions {
  /** Applied to each call, the last one closest to the wire; none by default. The `url` they see is `millrace:` and the method's path. */
  interceptors?: Interceptor[] | undefined;
  /** Milliseconds for a call that names none of its own; `0`, the default, is no limit. A call's own 0 switches it off. */
  defaultTimeoutMs?: number | undefined;
  /**
   * How bidi calls go: `full` (the default) in both directions at once, which a fetch carrier refuses; `half` sends what
   * there is once the requests have ended, and then takes the answers, which any carrier can.
   */
  duplex?: "half" | "full" | undefined;
}

const OPTION_NAMES = ["interceptors", "defaultTimeoutMs", "duplex"] as const;

/**
 * A Connect transport over a carrier, for any client that Connect makes: all four kinds of methods, as far as the carrier
 * goes. Errors are `ConnectError`s with the server's code, text, metadata and details; those of this side have our error
 * as their `cause`, an abort has its reason there.
 *
 * The streams of Connect's own client cannot be left by `break`: abort their `signal`. One that is taken from the
 * transport itself is freed when its loop is left.
 *
 * @param carrier Stays the caller's, to be closed by the caller.
 * @throws {MillraceError} `invalid_argument` for wrong arguments.
 */
export function createTransport(carrier: Carrier, options: TransportOptions = {}): Transport {
  checkArguments(carrier, options);
  return new CarrierTransport(carrier, options);
}

function checkArguments(carrier: unknown, options: TransportOptions): void {
  if (typeof (Object(carrier) as Partial<Carrier>).call !== "function") throw invalidArgument("carrier", carrier, "must be a carrier");
  checkOptions("options", options, OPTION_NAMES, "options.");
  const { interceptors = [], defaultTimeoutMs = 0, duplex = "full" } = options;
  if (!Array.isArray(interceptors) || !interceptors.every((each) => typeof each === "function")) {
    throw invalidArgument("options.interceptors", interceptors, "must be an array of functions");
  }
  checkInteger("options.defaultTimeoutMs", defaultTimeoutMs, 0, MAX_TIMER_MS);
  if (duplex !== "half" && duplex !== "full") throw invalidArgument("options.duplex", duplex, 'must be "half" or "full"');
}

class CarrierTransport implements Transport {
  readonly #carrier: Carrier;
  readonly #options: TransportOptions;
  readonly #known: ReadonlyMap<string, Method>;

  constructor(carrier: Carrier, options: TransportOptions) {
    this.#carrier = carrier;
    this.#options = options;
    this.#known = allMethods();
  }

  unary: Transport["unary"] = async (method, signal, timeoutMs, header, message, contextValues) => {
    const limitMs = this.#limitMs(timeoutMs);
    try {
      return await runUnaryCall({
        interceptors: this.#options.interceptors, signal, timeoutMs: limitMs,
        req: { stream: false, message, method, ...requestParts(method, header, contextValues) },
        next: (request) => this.#answerOne(request, limitMs),
      });
    } catch (error) {
      throw withAbortReason(error, signal);
    }
  };

  stream: Transport["stream"] = async (method, signal, timeoutMs, header, messages, contextValues) => {
    const limitMs = this.#limitMs(timeoutMs);
    const own = linkSignals(signal);
    try {
      const response = await runStreamingCall({
        interceptors: this.#options.interceptors, signal: own.signal, timeoutMs: limitMs,
        req: { stream: true, message: messages, method, ...requestParts(method, header, contextValues) },
        next: (request) => this.#answerMany(request, limitMs),
      });
      return { ...response, message: leavable(response.message, own) };
    } catch (error) {
      own.release();
      throw withAbortReason(error, own.signal);
    }
  };

  #limitMs(timeoutMs = this.#options.defaultTimeoutMs): number | undefined {
    return timeoutMs === undefined || timeoutMs <= 0 ? undefined : timeoutMs;
  }

  async #answerOne<I extends DescMessage, O extends DescMessage>(request: UnaryRequest<I, O>, limitMs: number | undefined): Promise<UnaryResponse<I, O>> {
    const { method } = request;
    const response = this.#start(request, [toBinary(method.input, request.message)], limitMs);
    const trailer = new Headers();
    const answers = decodeAnswer(method.output, response, trailer);
    const first = await answers.next();
    if (first.done === true || (await answers.next()).done !== true) {
      throw connectErrorOfFailure(new MillraceError("protocol", `${pathOfMethod(method)} was not answered with one message`, { applied: "unknown" }));
    }
    return { stream: false, service: method.parent, method, header: await response.headers, trailer, message: first.value };
  }

  async #answerMany<I extends DescMessage, O extends DescMessage>(request: StreamRequest<I, O>, limitMs: number | undefined): Promise<StreamResponse<I, O>> {
    const { method } = request;
    const response = this.#start(request, encoded(method.input, request.message), limitMs);
    const trailer = new Headers();
    const header = await response.headers.catch((error: unknown) => { throw connectErrorOfFailure(error); });
    const answers = decodeAnswer(method.output, response, trailer);
    return { stream: true, service: method.parent, method, header, trailer, message: { [Symbol.asyncIterator]: () => answers } };
  }

  #start({ method, header, signal }: UnaryRequest | StreamRequest, messages: CarrierCall["messages"], limitMs: number | undefined): CarrierResponse {
    const path = pathOfMethod(method);
    const kind = kindOfMethod(method);
    const { lane = kind === "unary" || kind === "client" ? "short" : "live", cancel = "delayed" } = this.#known.get(path) ?? {};
    const { duplex } = this.#options;
    // A server that knew the limit of what is never cancelled might give up half-way; it is kept on this side.
    const timeoutMs = cancel === "never" ? undefined : limitMs;
    try {
      return this.#carrier.call({ path, kind, duplex, lane, cancel, headers: header, messages, signal, timeoutMs });
    } catch (error) {
      throw connectErrorOfFailure(error);
    }
  }
}

function requestParts(method: DescMethodUnary | DescMethodStreaming, header: HeadersInit | undefined, contextValues: StreamRequest["contextValues"] | undefined) {
  return {
    service: method.parent, requestMethod: "POST", url: `millrace:${pathOfMethod(method)}`,
    header: new Headers(header), contextValues: contextValues ?? createContextValues(),
  };
}


async function* encoded<Schema extends DescMessage>(schema: Schema, messages: AsyncIterable<MessageShape<Schema>>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield toBinary(schema, message);
}
