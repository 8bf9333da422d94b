import { isWellFormed } from "../core/bytes.js";
import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import { resuming, type Subscription } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openStream } from "../carrier/invoke.js";
import { payloadsOf } from "../wire/frames.js";
import { kubemqMethods } from "../wire/methods.js";
import { Empty, Request, Response, Subscribe, Subscribe_SubscribeType } from "../../gen/static/kubemq/kubemq.js";
import { ask, decode } from "./ask.js";
import { policyOf, type Broker } from "./broker.js";
import { callable, channelName, flag, groupName, integer, record, text, wrong } from "./check.js";
import { toTags } from "./convert.js";
import { draining } from "./draining.js";
import { isFinal } from "./errors.js";
import type { ServeOptions } from "./options.js";
import { MAX_WAITING, type GapState } from "./subscribe.js";
import type { NewTags } from "./types.js";
import type { Tags } from "./views.js";

/** A command or a query as its responder gets it. */
export interface ReceivedRequest {
  /** Made by the sender, or by the broker. */
  readonly id: string;
  /** The sender's. */
  readonly clientId: string;
  /** The request's own, also where a pattern is served. */
  readonly channel: string;
  /** A text of the sender's. */
  readonly metadata: string;
  /** The payload; a view that keeps its chunk in memory. */
  readonly body: Uint8Array;
  /** The sender's; empty when there are none. */
  readonly tags: Tags;
  /** How long its sender waits for the reply, in milliseconds, from when it was sent. */
  readonly timeoutMs: number;
  /** Empty where the sender wants no caching. */
  readonly cacheKey: string;
  /** In seconds. */
  readonly cacheTtlSeconds: number;
}

/** What a handler answers. Of a reply to a command the broker drops `body`, `metadata` and `cacheHit`. */
export interface Reply {
  /** Empty by default. */
  body?: Uint8Array | undefined;
  /** Empty by default. */
  metadata?: string | undefined;
  /** Whether it was done: true by default, false with `error`. */
  executed?: boolean | undefined;
  /** Why it was not; none by default. */
  error?: string | undefined;
  /** Whether it came from a cache of the responder's; false by default. */
  cacheHit?: boolean | undefined;
  /** Now by default. */
  timestamp?: Date | undefined;
  /** The client's by default. */
  clientId?: string | undefined;
  /** None by default. */
  tags?: NewTags | undefined;
}

/** Answers a request; `undefined` is a reply that says it was done. `signal` ends with the responder. */
export type Handler = (request: ReceivedRequest, context: { readonly signal: AbortSignal }) => Reply | undefined | void | Promise<Reply | undefined | void>;

/** A responder at work. */
export interface Serving {
  /** Where its subscription stands; `gap: true` once requests may have been missed. */
  readonly state: GapState;
  /** Resolves when it was closed and what was being handled is answered; rejects with the error that ended it. */
  readonly done: Promise<void>;
  /** Calls `listener` after each change of `state`; what it throws goes nowhere. @returns Stops that. */
  onStateChange(listener: (state: GapState) => void): () => void;
  /** Takes no more requests; resolves when those being handled are answered. Idempotent. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const NAMES = ["body", "metadata", "executed", "error", "cacheHit", "timestamp", "clientId", "tags"] as const;

/**
 * Serves a channel from now on.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function serve(broker: Broker, pattern: "commands" | "queries", channel: string, handler: Handler, options: ServeOptions): Serving {
  checkCallOptions(options, "kubemq", ["group", "concurrency"]);
  callable(handler, "handler");
  const concurrency = integer(options.concurrency, "options.concurrency", 1, 10_000, 1);
  const [requests, reconnected] = subscribe(broker, pattern, channel, options);
  const stopped = new AbortController();
  const busy = new Set<Promise<void>>();
  const marked = (state: GapState): GapState => (reconnected() ? { ...state, gap: true } : state);

  const handle = async (request: Request): Promise<void> => {
    const reply = await answerOf(broker, request, handler, stopped.signal);
    // A reply that is lost is a timeout of its sender, who must live with that anyway.
    await ask(broker, kubemqMethods.sendResponse, reply, Empty, { headers: options.headers }).catch(() => {});
  };

  const run = async (): Promise<void> => {
    try {
      for await (const request of requests) {
        const work: Promise<void> = handle(request).finally(() => busy.delete(work));
        busy.add(work);
        if (busy.size >= concurrency) await Promise.race(busy);
      }
    } finally {
      await Promise.allSettled(busy);
      stopped.abort(new MillraceError("unavailable", "The responder is closed", { system: "kubemq" }));
    }
  };
  const done = run();
  done.catch(() => {});
  const close = async (): Promise<void> => {
    await requests.close();
    await done.catch(() => {});
  };
  return {
    get state() { return marked(requests.state); },
    done,
    onStateChange: (listener) => requests.onStateChange((state) => listener(marked(state))),
    close,
    [asyncDispose]: close,
  };
}

function subscribe(broker: Broker, pattern: "commands" | "queries", channel: string, options: ServeOptions): [Subscription<Request>, () => boolean] {
  const { timeoutMs, headers, signal } = options;
  const request = Subscribe.encode({
    SubscribeTypeData: pattern === "commands" ? Subscribe_SubscribeType.Commands : Subscribe_SubscribeType.Queries,
    ClientID: broker.clientId,
    Channel: channelName(channel, "channel", "pattern"),
    Group: groupName(options.group, "options.group"),
    EventsStoreTypeData: 0,
    EventsStoreTypeValue: 0n,
  }).finish();
  let opens = 0;
  const requests = resuming<Request, bigint>({
    positionOf: () => 0n,
    isFinal,
    async open(_, ending) {
      opens++;
      const stream = openStream(broker.connection, kubemqMethods.subscribeToRequests, request, { timeoutMs, headers, signal: ending });
      const read = (chunk: Uint8Array): Request[] => payloadsOf(chunk).map((payload) => decode(Request, payload, "no"));
      const came = draining(stream, read, MAX_WAITING);
      return { after: undefined, caughtUpAt: () => true, next: () => came.next(), close: () => came.close() };
    },
  }, { after: undefined, policy: policyOf(broker), clock: platformClock, signal, closed: broker.connection.closed });
  return [requests, () => opens > 1];
}

async function answerOf(broker: Broker, request: Request, handler: Handler, signal: AbortSignal): Promise<Uint8Array> {
  const { RequestID, ReplyChannel } = request;
  const encode = (reply: Reply): Uint8Array => Response.encode({ RequestID, ReplyChannel, ...toWireReply(broker, reply) }).finish();
  try {
    return encode((await handler(toRequest(request), { signal })) ?? {});
  } catch (error) {
    return encode({ error: error instanceof Error ? wellFormed(error.message) : "The responder failed" });
  }
}

/** A handler's message as UTF-8 can hold it. */
function wellFormed(message: string): string {
  return isWellFormed(message) ? message : "The responder failed";
}

function toRequest({ RequestID, ClientID, Channel, Metadata, Body, Tags: tags, Timeout, CacheKey, CacheTTL }: Request): ReceivedRequest {
  return {
    id: RequestID, clientId: ClientID, channel: Channel, metadata: Metadata, body: Body, tags: Object.assign(Object.create(null), Object.fromEntries(tags)) as Tags,
    timeoutMs: Timeout, cacheKey: CacheKey, cacheTtlSeconds: CacheTTL,
  };
}

function toWireReply(broker: Broker, reply: Reply): Omit<Response, "RequestID" | "ReplyChannel"> {
  record(reply, "reply", NAMES);
  const { body = new Uint8Array(0), metadata = "", error = "", timestamp = new Date(), clientId = broker.clientId, tags } = reply;
  if (!(body instanceof Uint8Array)) throw wrong("reply.body", body, "must be a Uint8Array");
  if (!(timestamp instanceof Date) || Number.isNaN(timestamp.getTime())) throw wrong("reply.timestamp", timestamp, "must be a Date");
  return {
    Body: body, Metadata: text(metadata, "reply.metadata"), Error: text(error, "reply.error"), ClientID: text(clientId, "reply.clientId"), Tags: toTags(tags, "reply.tags"),
    Executed: flag(reply.executed, "reply.executed", error === ""), CacheHit: flag(reply.cacheHit, "reply.cacheHit", false),
    Timestamp: BigInt(timestamp.getTime()) * 1_000_000n, Span: new Uint8Array(0),
  };
}
