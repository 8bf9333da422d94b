import type { CallOptions } from "../core/options.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { kubemqMethods } from "../wire/methods.js";
import { Request, Request_RequestType, Response } from "../../gen/static/kubemq/kubemq.js";
import { ask } from "./ask.js";
import { brokerOf, type Broker, type HasBroker } from "./broker.js";
import { channelName, integer, name, record, wrong } from "./check.js";
import { MESSAGE_NAMES, toWireMessage } from "./convert.js";
import type { NewQuery, NewRequest, ServeOptions } from "./options.js";
import { serve, type Handler, type Serving } from "./serve.js";
import type { Tags } from "./views.js";

/** How long a broker waits for a reply where nobody says otherwise, and how much longer we wait for the broker; milliseconds. */
const REPLY_MS = 5_000;
const MORE_MS = 2_000;

/** What a responder answered to a command. */
export interface CommandReply {
  /** The request's, or what the responder made of it. */
  readonly requestId: string;
  /** The responder's. */
  readonly clientId: string;
  /** Whether the responder did it. */
  readonly executed: boolean;
  /** Why not; `undefined` for none, and for the word `None` that old responders send for that. */
  readonly error: string | undefined;
  /** The responder's clock; `undefined` where it says nothing. Seconds, milliseconds and nanoseconds are told apart by their size. */
  readonly timestamp: Date | undefined;
  /** The responder's; empty when there are none. */
  readonly tags: Tags;
}

/** What a responder answered to a query. */
export interface QueryReply extends CommandReply {
  /** A text of the responder's. */
  readonly metadata: string;
  /** The payload; a view that keeps its answer in memory. */
  readonly body: Uint8Array;
  /** Whether it came from the broker's cache, or the responder said so. */
  readonly cacheHit: boolean;
}

/** Commands: asked of one responder, which says whether it did them. */
export interface Commands {
  /**
   * Sends a command and waits for the reply.
   *
   * @throws {MillraceError} `timeout` when no reply came within `timeoutMs`. The broker does not tell whether nobody
   *   served the channel or somebody was too slow: `applied` is `unknown`. A reply with `executed: false` is no error.
   */
  send(channel: string, command: NewRequest): Promise<CommandReply>;
  /**
   * Answers commands. What the handler gives back is the reply; what it throws is a reply with `executed: false` and
   * the error's message. Requests that arrive while the connection is lost are not answered: their senders time out.
   */
  serve(channel: string, handler: Handler, options?: ServeOptions): Serving;
}

/** Queries: as commands, with an answer that has a body. */
export interface Queries {
  /** As {@link Commands.send}. */
  send(channel: string, query: NewQuery): Promise<QueryReply>;
  /** As {@link Commands.serve}. */
  serve(channel: string, handler: Handler, options?: ServeOptions): Serving;
}

/** Commands over a client. */
export function commands(client: HasBroker): Commands {
  const broker = brokerOf(client);
  return {
    async send(channel, command) {
      const { metadata: _metadata, body: _body, cacheHit: _cacheHit, ...reply } = await send(broker, channel, command, Request_RequestType.Command, []);
      return reply;
    },
    serve: (channel, handler, options = {}) => serve(broker, "commands", channel, handler, options),
  };
}

/** Queries over a client. */
export function queries(client: HasBroker): Queries {
  const broker = brokerOf(client);
  return {
    send: (channel, query) => send(broker, channel, query, Request_RequestType.Query, ["cacheKey", "cacheTtlSeconds"]),
    serve: (channel, handler, options = {}) => serve(broker, "queries", channel, handler, options),
  };
}

async function send(broker: Broker, channel: string, request: NewQuery, type: Request_RequestType, more: readonly string[]): Promise<QueryReply> {
  const Channel = channelName(channel, "channel", "plain");
  record(request, "request", [...MESSAGE_NAMES, "timeoutMs", "signal", "headers", ...more]);
  const { id, ...message } = toWireMessage(request, "request");
  const { timeoutMs, signal, headers, cacheKey, cacheTtlSeconds } = request;
  if ((cacheKey === undefined) !== (cacheTtlSeconds === undefined)) throw wrong("request.cacheTtlSeconds", cacheTtlSeconds, "must be given with `cacheKey`, and only then");
  const Timeout = integer(timeoutMs, "request.timeoutMs", 1, 2_147_000_000, REPLY_MS);
  const options: CallOptions = { signal, headers, timeoutMs: Timeout + MORE_MS };
  checkCallOptions(options, "kubemq");
  const bytes = Request.encode({
    RequestID: id, RequestTypeData: type, ClientID: broker.clientId, Channel, ...message, ReplyChannel: "", Timeout, Span: new Uint8Array(0),
    CacheKey: cacheKey === undefined ? "" : name(cacheKey, "request.cacheKey"),
    CacheTTL: integer(cacheTtlSeconds, "request.cacheTtlSeconds", 1, 2_147_483_647, 0),
  }).finish();
  return toReply(await ask(broker, kubemqMethods.sendRequest, bytes, Response, options));
}

function toReply({ RequestID, ClientID, Executed, Error: text, Timestamp, Tags: tags, Metadata, Body, CacheHit }: Response): QueryReply {
  return {
    requestId: RequestID, clientId: ClientID, executed: Executed, error: text === "" || text === "None" ? undefined : text, timestamp: toDate(Timestamp),
    tags: Object.assign(Object.create(null), Object.fromEntries(tags)) as Tags, metadata: Metadata, body: Body, cacheHit: CacheHit,
  };
}

/** A responder's time in the unit that its size tells. */
function toDate(time: bigint): Date | undefined {
  if (time <= 0n) return undefined;
  return new Date(time < 100_000_000_000n ? Number(time) * 1_000 : time < 100_000_000_000_000n ? Number(time) : Number(time / 1_000_000n));
}
