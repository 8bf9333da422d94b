import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Duplex } from "node:stream";
import { MESSAGEDB_PATH } from "millrace/internal/wire/messagedb";
import { admit, type Admission } from "./admission.js";
import { GatewayCall, type CallContext, type CallParts } from "./call.js";
import { corsHeaders, preflightHeaders } from "./cors.js";
import { fieldOf, type Client, type GatewayRequest, type ResponseSink } from "./exchange.js";
import { answerFetch } from "./fetch.js";
import { silentLog } from "./log.js";
import type { MessageDbProxy } from "./messagedb/proxy.js";
import { openMessageDb } from "./messagedb/settings.js";
import { answerNode } from "./node.js";
import { OccasionalWarnings } from "./occasional-warnings.js";
import { resolveGatewayOptions, type GatewayOptions } from "./options.js";
import { pageHeaders } from "./pages.js";
import { limited, shuttingDown, status, type Refusal } from "./refusal.js";
import { methodTable, type GatewayMethod } from "./routes.js";
import { refuseCall, respond } from "./short-answer.js";
import { StalledCalls } from "./stalled.js";
import type { Target } from "./systems/target.js";
import { Tally } from "./tally.js";
import { openTargets } from "./systems/open.js";
import { TunnelDoor } from "./tunnel-door.js";
import { WaitingBytes } from "./waiting-bytes.js";
import { within } from "./within.js";

/** A gateway: the same core behind the doors that runtimes have. */
export interface Gateway {
  /**
   * Answers a web-standard request.
   *
   * @param client Where it comes from. Without it, limits that count connections and addresses see one for all.
   */
  fetch(request: Request, client?: Client): Promise<Response>;
  /** A request listener for `node:http`, `node:https` and `node:http2` servers. */
  node(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void;
  /**
   * A listener for `upgrade` events: opens tunnels at `/millrace/tunnel`, WebSockets whose streams are calls, each under
   * the same rules as a request.
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void;
  /**
   * Asks the database of Message DB, where there is one, whether it can be served.
   *
   * @throws {MillraceError} `unavailable` when it cannot be reached now; `unsupported` or another code when its operator
   *   must change something, in words for them.
   */
  check(): Promise<void>;
  /**
   * Stops: new calls are refused, open streams end with a status from which their callers resume, other calls may
   * finish within `limits.drainMs`. Resolves when the upstream connections are closed. Idempotent.
   */
  close(): Promise<void>;
}

const ACCEPTED: ReadonlySet<string> = new Set(["application/grpc-web", "application/grpc-web+proto"]);

/**
 * Makes a gateway. Nothing is connected before the first call.
 *
 * @throws {MillraceError} `invalid_argument`, naming the option.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const core = new GatewayCore(options);
  return {
    fetch: (request, client) => answerFetch(core.handle, request, client),
    node: (request, response) => answerNode(core.handle, request, response),
    upgrade: (request, socket, head) => core.tunnels.upgrade(request, socket, head),
    check: () => core.check(),
    close: () => core.close(),
  };
}

type RoutedCall = Pick<CallParts, "method" | "request" | "sink" | "origin">;

class GatewayCore {
  readonly tunnels: TunnelDoor;
  readonly #options;
  readonly #pages;
  readonly #warnings: OccasionalWarnings;
  readonly #methods: ReadonlyMap<string, GatewayMethod>;
  readonly #targets;
  readonly #context: CallContext;
  readonly #messagedb: MessageDbProxy | undefined;
  readonly #calls = new Set<GatewayCall>();
  readonly #callsOf = new Tally<object>();
  #closed: Promise<void> | undefined;
  #idle = (): void => undefined;

  constructor(options: GatewayOptions) {
    this.#options = resolveGatewayOptions(options);
    this.#pages = options.pages;
    this.#warnings = new OccasionalWarnings(options.log ?? silentLog);
    const { limits, policy } = this.#options;
    this.#methods = methodTable(this.#options.extraMethods);
    this.#targets = openTargets(this.#options.upstreams, limits);
    this.#context = { limits, policy, warnings: this.#warnings, waiting: new WaitingBytes(limits), stalled: new StalledCalls(limits.stalledCallsPerClient) };
    const { messagedb } = options.upstreams;
    this.#messagedb = messagedb && openMessageDb(messagedb, { ...this.#context, allowAll: options.allowAll === true, shared: true });
    this.tunnels = new TunnelDoor({ admit: (request) => this.#admit(request), handle: this.#tunnelled, callsPerTunnel: limits.callsPerTunnel, warnings: this.#warnings });
  }

  readonly handle = (request: GatewayRequest, sink: ResponseSink): void => {
    const admission = this.#admit(request);
    if (!admission.admitted) return respond(sink, 403);
    if (request.target.startsWith(MESSAGEDB_PATH) && (request.method === "GET" || request.method === "POST")) {
      return this.#messagedb === undefined ? respond(sink, 404, corsHeaders(admission.origin)) : void this.#messagedb.handle(request, sink, admission.origin);
    }
    switch (request.method) {
      case "POST": return this.#call(request, sink, admission.origin);
      case "OPTIONS": return respond(sink, 204, preflightHeaders(admission.origin, request.headers));
      case "GET": case "HEAD": return this.#get(request, sink);
      default: return respond(sink, 405, { allow: "GET, HEAD, OPTIONS, POST" });
    }
  };

  /** Answers a call that came through a tunnel, which was admitted as a whole. */
  readonly #tunnelled = (request: GatewayRequest, sink: ResponseSink): void => {
    const method = this.#methods.get(request.target);
    if (method === undefined) return refuseCall(sink, undefined, { status: status.unimplemented, message: "No such method", applied: "no" });
    this.#route({ method, request, sink, origin: undefined }, this.#options.limits.callsPerTunnel);
  };

  #admit(request: GatewayRequest): Admission {
    const admission = admit(request, this.#options);
    if (!admission.admitted) this.#warnings.warn(admission.because, { because: admission.because }, "A request was not admitted");
    return admission;
  }

  #call(request: GatewayRequest, sink: ResponseSink, origin: string | undefined): void {
    const refuse = (httpStatus: number, text: string): void => respond(sink, httpStatus, corsHeaders(origin), text);
    if (!ACCEPTED.has(fieldOf(request.headers, "content-type") ?? "")) {
      return refuse(415, "This gateway speaks binary gRPC-Web: send content-type application/grpc-web+proto");
    }
    if (request.headers["content-encoding"] !== undefined) return refuse(415, "Send the body as it is, without content-encoding");
    // Before all else: who is refused a tunnel asks in this way whether the gateway is there at all.
    if (this.#closed !== undefined) return refuseCall(sink, origin, shuttingDown);
    const method = this.#methods.get(request.target);
    if (method === undefined) return refuse(404, "No such method");
    this.#route({ method, request, sink, origin }, this.#options.limits.callsPerConnection);
  }

  #route(call: RoutedCall, maxCalls: number): void {
    const { method, request, sink, origin } = call;
    const target = this.#targets.get(method.system);
    if (target === undefined) return refuseCall(sink, origin, noUpstream(method));
    if (this.#closed !== undefined) return refuseCall(sink, origin, shuttingDown);
    if (this.#callsOf.of(request.client.connection) >= maxCalls) return refuseCall(sink, origin, limited(`A connection may have ${maxCalls} calls open`, 1_000));
    this.#begin(target, call);
  }

  #begin(target: Target, parts: RoutedCall): void {
    const { connection } = parts.request.client;
    this.#callsOf.add(connection, 1);
    const over = (): void => {
      this.#calls.delete(call);
      this.#callsOf.add(connection, -1);
      if (this.#calls.size === 0) this.#idle();
    };
    const call: GatewayCall = new GatewayCall({ ...parts, context: this.#context, target, over });
    this.#calls.add(call);
    call.start();
  }

  #get(request: GatewayRequest, sink: ResponseSink): void {
    if (request.target === "/health") return respond(sink, 200, JSON_HEADERS, '{"status":"ok"}');
    if (request.target === "/ready") return void this.#ready(sink);
    const page = this.#pages?.get(request.target.replace(/\?.*$/s, ""));
    if (page === undefined) return respond(sink, 404);
    sink.open(200, pageHeaders(page));
    sink.end(request.method === "HEAD" ? undefined : page.body);
  }

  async #ready(sink: ResponseSink): Promise<void> {
    const serving = this.#closed === undefined && await this.#areServing();
    respond(sink, serving ? 200 : 503, JSON_HEADERS, JSON.stringify({ status: serving ? "ready" : "not ready" }));
  }

  async #areServing(): Promise<boolean> {
    const answers = await Promise.all([...this.#targets.values()].map((target) => target.isServing()));
    return answers.every((serving) => serving) && (await this.check().then(() => true, () => false));
  }

  async check(): Promise<void> {
    await this.#messagedb?.check();
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const messagedb = this.#messagedb?.close();
    this.tunnels.goAway();
    for (const call of this.#calls) {
      if (call.method.lane === "live") call.drain();
      else call.hurry();
    }
    await within(this.#options.limits.drainMs, new Promise<void>((resolve) => {
      this.#idle = resolve;
      if (this.#calls.size === 0) resolve();
    }));
    for (const call of this.#calls) call.drain();
    await Promise.all([...this.#targets.values()].map((target) => target.close(this.#options.limits.drainMs)));
    await messagedb;
    this.tunnels.close();
  }
}

const JSON_HEADERS = { "content-type": "application/json", "cache-control": "no-store" };

function noUpstream({ system }: GatewayMethod): Refusal {
  return { status: status.unimplemented, message: `This gateway has no upstream for ${system}`, applied: "no" };
}
