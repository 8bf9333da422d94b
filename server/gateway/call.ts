import { MAX_TIMER_MS } from "millrace/internal/core/arguments";
import { ENVELOPE_HEADER_BYTES } from "millrace/internal/wire/frames";
import { HEARTBEAT_HEADER } from "millrace/internal/wire/header-names";
import { parseGrpcTimeout } from "millrace/internal/wire/timeout";
import { Answer } from "./answer.js";
import { fieldOf, type GatewayRequest, type HeaderFields, type ResponseSink } from "./exchange.js";
import { MAX_METADATA_BYTES, upstreamMetadata } from "./headers.js";
import { heartbeatPeriod } from "./heartbeat.js";
import type { Limits } from "./limits.js";
import type { OccasionalWarnings } from "./occasional-warnings.js";
import { askPolicy, type Policy, type PolicyDecision } from "./policy.js";
import { appliedOf, limited, shuttingDown, status, trailersOfRefusal, type Refusal } from "./refusal.js";
import { Relay } from "./relay.js";
import { RequestReader } from "./request-body.js";
import type { GatewayMethod } from "./routes.js";
import type { StalledCalls } from "./stalled.js";
import type { Target } from "./systems/target.js";
import type { UnaryCall, UnaryHandler } from "./unary-handler.js";
import type { WaitingBytes } from "./waiting-bytes.js";

/** What all calls of a gateway share. */
export interface CallContext {
  readonly limits: Limits;
  readonly policy: Policy;
  readonly warnings: OccasionalWarnings;
  readonly waiting: WaitingBytes;
  readonly stalled: StalledCalls;
}

/** What a {@link GatewayCall} is made of. */
export interface CallParts {
  readonly context: CallContext;
  readonly target: Target;
  readonly method: GatewayMethod;
  readonly request: GatewayRequest;
  readonly sink: ResponseSink;
  /** The page's origin, if a page asks. */
  readonly origin: string | undefined;
  /** Called once, when the call holds nothing any more but an unread response. */
  readonly over: () => void;
}

interface Asked {
  readonly request: GatewayRequest;
  readonly reader: RequestReader;
  /** What of the request's metadata goes on. */
  metadata: Record<string, string | string[]>;
}

/** One call: from its request, through the policy, to whoever makes it, and back. */
export class GatewayCall {
  readonly method: GatewayMethod;
  readonly #context: CallContext;
  readonly #target: Target;
  readonly #answer: Answer;
  /** What is needed until the request has gone on. A call may stay open for days, so nothing of it is kept then. */
  #asked: Asked | undefined;
  readonly #startedMs = Date.now();
  readonly #timeoutMs: number | undefined;
  readonly #over: () => void;
  /** Whether the method takes exactly one request message. */
  readonly #single: boolean;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #relay: Relay | undefined;
  #unary: UnaryCall | undefined;
  /** Messages wait here while the policy thinks about one of them. */
  #judged: Promise<void> | undefined;
  #upstreamFull = false;
  /** The page has read the response, or is gone. */
  #read = false;
  /** Until an answer that has ended must have been read. */
  #unread: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor({ context, target, method, request, sink, origin, over }: CallParts) {
    this.#context = context;
    this.#target = target;
    this.method = method;
    this.#over = over;
    this.#answer = new Answer(sink, origin, method.lane === "live");
    this.#timeoutMs = timeoutOf(request.headers);
    this.#single = method.kind === "unary" || method.kind === "server";
    const { limits, waiting } = context;
    const reader = new RequestReader({ request, single: this.#single, limits, waiting, events: {
      message: (envelope) => this.#message(envelope),
      end: () => this.#requestEnded(),
      refuse: (refusal) => this.refuse(refusal),
    } });
    this.#asked = { request, reader, metadata: {} };
    sink.listen({ writable: () => this.#pageReads(), finished: () => this.#finished(), gone: () => this.#gone() });
  }

  /** Begins to read the request. */
  start(): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    const metadata = upstreamMetadata(asked.request.headers, { fromClient: this.#target.credentialsFromClient });
    if (metadata === undefined) return this.refuse(limited(`The call's metadata is larger than ${MAX_METADATA_BYTES} bytes`));
    if (this.#target.authorization !== undefined) metadata["authorization"] ??= this.#target.authorization;
    asked.metadata = metadata;
    if (this.#timeoutMs !== undefined) this.#deadline = setTimeout(() => this.#expire(), Math.min(this.#timeoutMs, MAX_TIMER_MS));
    asked.reader.start();
  }

  /** Ends the call with words of the gateway. */
  refuse(refusal: Refusal): void {
    this.#answer.end(trailersOfRefusal(refusal));
    this.#end();
  }

  /** The gateway closes: a call that stays open by nature is ended so that its caller resumes elsewhere. */
  drain(): void {
    if (this.#relay !== undefined) this.#relay.endEarly("drain");
    else if (this.#unary === undefined) this.refuse(shuttingDown);
  }

  /** The gateway closes: a call that ends by itself may, but not however slowly its page reads. */
  hurry(): void {
    this.#relay?.hurry();
  }

  #message(envelope: Uint8Array): void {
    const decision = this.#judged === undefined ? this.#decide() : this.#judged.then(() => (this.#ended ? undefined : this.#decide()));
    if (!(decision instanceof Promise)) return this.#judge(decision, envelope);
    this.#asked?.reader.pause();
    const judged: Promise<void> = decision.then((result) => {
      if (result !== undefined) this.#judge(result, envelope);
      if (this.#judged !== judged) return;
      this.#judged = undefined;
      if (!this.#upstreamFull) this.#asked?.reader.resume();
    });
    this.#judged = judged;
  }

  #decide(): PolicyDecision | Promise<PolicyDecision> {
    const { method } = this;
    const { policy, warnings } = this.#context;
    return askPolicy(policy, { principal: { kind: "anonymous" }, method, resources: [{ kind: "store", name: method.system }] }, (error) =>
      // A policy sees neither payloads nor credentials, so there are none in what it throws.
      warnings.warn("policy", { err: error, method: method.path }, "The policy failed, so a call was refused"));
  }

  #judge(decision: PolicyDecision, envelope: Uint8Array): void {
    const asked = this.#asked;
    if (this.#ended || asked === undefined) return;
    if (!decision.allowed) return this.refuse({ status: status.permissionDenied, message: decision.message, applied: "no", reason: "policy" });
    const harmful = this.#target.check(this.method.path, envelope.subarray(ENVELOPE_HEADER_BYTES));
    if (harmful !== undefined) return this.refuse(harmful);
    const handler = this.#target.handlers.get(this.method.path);
    if (handler !== undefined) return this.#handle(handler, envelope, asked);
    this.#forward(this.#open(asked), envelope, asked.reader);
    asked.reader.release(envelope.length);
    if (this.#single) this.#asked = undefined;
  }

  #forward(relay: Relay, envelope: Uint8Array, reader: RequestReader): void {
    if (this.#single) return relay.endRequest(envelope);
    this.#upstreamFull = !relay.write(envelope);
    if (this.#upstreamFull) reader.pause();
  }

  #upstreamWritable(): void {
    this.#upstreamFull = false;
    if (this.#judged === undefined) this.#asked?.reader.resume();
  }

  #requestEnded(): void {
    if (this.#single) return;
    if (this.#judged !== undefined) void this.#judged.then(() => this.#requestEnded());
    else if (this.#asked !== undefined) this.#open(this.#asked).endRequest();
  }

  #handle(handler: UnaryHandler, envelope: Uint8Array, { request, metadata }: Asked): void {
    this.#unary = handler({ envelope, headers: metadata, client: request.client }, (outcome) => {
      if (this.#ended) return;
      if (outcome.headers !== undefined) this.#answer.metadata(outcome.headers);
      if (outcome.body !== undefined) this.#answer.write(outcome.body);
      this.#answer.end(outcome.trailers);
      this.#end();
    });
  }

  #open({ request: { client, headers }, metadata }: Asked): Relay {
    if (this.#relay !== undefined) return this.#relay;
    const { method } = this;
    const { stalled, limits } = this.#context;
    const request = { path: method.path, lane: method.lane, cancel: method.cancel, headers: metadata, timeoutMs: this.#upstreamTimeout() };
    this.#relay = new Relay(this.#target.upstream, request, {
      answer: this.#answer,
      stalled,
      address: client.address,
      stallMs: limits.stallMs,
      repeatable: method.repeatable,
      cutsOnDrain: this.#target.cutsOnDrain && method.kind !== "unary",
      trailers: (trailers) => this.#target.trailers(trailers),
      writable: () => this.#upstreamWritable(),
      done: () => this.#end(),
    });
    const heartbeatMs = method.kind === "server" || method.kind === "bidi" ? heartbeatPeriod(fieldOf(headers, HEARTBEAT_HEADER)) : undefined;
    if (heartbeatMs !== undefined) this.#answer.openEarly(heartbeatMs);
    return this.#relay;
  }

  /** A method that must not be cancelled gets no deadline either: the server would cancel it for us. */
  #upstreamTimeout(): number | undefined {
    if (this.#timeoutMs === undefined || this.method.cancel === "never") return undefined;
    return Math.max(1, this.#timeoutMs - (Date.now() - this.#startedMs));
  }

  #expire(): void {
    const sent = this.#relay?.sent ?? this.#unary?.sent ?? false;
    const applied = appliedOf(sent, this.method.repeatable);
    this.refuse({ status: status.deadlineExceeded, message: `The call did not end within its ${this.#timeoutMs} ms`, applied });
  }

  #pageReads(): void {
    if (this.#relay === undefined) this.#answer.resumed();
    else this.#relay.resumed();
  }

  /** The page has the whole response. */
  #finished(): void {
    this.#responseOver();
    this.#relay?.finished();
    this.#end();
  }

  #gone(): void {
    this.#responseOver();
    this.#relay?.gone();
    this.#answer.discard();
    this.#end();
  }

  #responseOver(): void {
    this.#read = true;
    clearTimeout(this.#unread);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#read && !this.#answer.discarded) this.#unread = setTimeout(() => this.#gone(), this.#context.limits.stallMs);
    clearTimeout(this.#deadline);
    this.#asked?.reader.stop();
    this.#asked = undefined;
    this.#relay?.leave();
    this.#unary?.leave();
    this.#over();
  }
}

function timeoutOf(headers: HeaderFields): number | undefined {
  const header = fieldOf(headers, "grpc-timeout");
  return header === undefined ? undefined : parseGrpcTimeout(header);
}
