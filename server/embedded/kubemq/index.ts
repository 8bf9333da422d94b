import { Empty, Event, EventReceive, PingResult, Request, Response, Result, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";
import { Ending, linkSignals } from "millrace/internal/core/signal";
import type { Decoder } from "millrace/internal/protobuf/decode";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { StatusError, type EmbeddedService, type ServiceContext, type ServiceMethod } from "../service.js";
import { eventFault, hasControl, isStorable, subscribeFault, texts } from "./checks.js";
import { EventStore } from "./event-store.js";
import { Exchange, type Receiver } from "./exchange.js";
import { Feed } from "./feed.js";
import { newId } from "./ids.js";
import { decoded, only } from "./messages.js";
import { queueMethods } from "./queue-service.js";
import { Queues } from "./queues.js";
import { Requests } from "./requests.js";

/** Which broker an embedded KubeMQ is like. */
export type KubeMqProfile = "community-2.4" | "full";

/** How an embedded KubeMQ behaves. */
export interface EmbeddedKubeMqOptions {
  /** `community-2.4`, the default: that server as it is. `full`: with a cache for queries, as the commercial one has. */
  profile?: KubeMqProfile | undefined;
  /** The token that each call but Ping must bring as `authorization`, raw; none by default, then no call is checked. */
  token?: string | undefined;
}

const MAX_REQUEST_BYTES = 100 * 1024 * 1024;
const INTERNAL = 13;
const UNAUTHENTICATED = 16;

/** Subscription types. */
const EVENTS = 1;
const EVENTS_STORE = 2;
const COMMANDS = 3;
const QUERIES = 4;

/** KubeMQ in memory: events, stored events, commands and queries, and queues, but for the calls that hold messages. */
export function embeddedKubeMq({ profile = "community-2.4", token }: EmbeddedKubeMqOptions = {}): EmbeddedService {
  const shutdown = new Ending();
  const startedMs = Date.now();
  const events = new Exchange<EventReceive>();
  const now = risingNanoseconds();
  const store = new EventStore(now);
  const queues = new Queues(now);
  const requests = new Requests({ cache: profile === "full" });
  const methods = new Map<string, ServiceMethod>();

  const add = (path: string, method: ServiceMethod): void => {
    methods.set(path, async function* (messages, context) {
      if (shutdown.reason !== undefined) throw new StatusError(14, "The embedded server is closed");
      if (path !== kubemqMethods.ping.path) checkToken(token, context);
      const over = linkSignals(context.signal, shutdown);
      try {
        yield* method(messages, { ...context, signal: over.signal });
      } finally {
        over.release();
      }
    });
  };
  const addUnary = <T>(path: string, codec: Decoder<T>, answer: (request: T, signal: AbortSignal) => Uint8Array | Promise<Uint8Array>): void =>
    add(path, async function* (messages, { signal }) {
      yield await answer(await only(messages, codec), signal);
    });

  const publish = (event: Event): Result => {
    const EventID = event.EventID === "" ? newId() : event.EventID;
    // A real broker takes control characters and falls silent.
    const fault = eventFault(event) ?? (hasControl(event.Channel) ? texts.controlCharacter : undefined);
    if (fault !== undefined) return { EventID: event.EventID, Sent: false, Error: fault };
    if (!event.Store) events.publish(event.Channel, { ...event, EventID, Timestamp: 0n, Sequence: 0n });
    // A name that cannot be stored is answered as if it had been.
    else if (isStorable(event.Channel)) store.append({ ...event, EventID });
    return { EventID, Sent: true, Error: "" };
  };

  addUnary(kubemqMethods.ping.path, EMPTY, () => PingResult.encode({
    Host: "embedded", Version: "v2.4.0", ServerStartTime: BigInt(Math.floor(startedMs / 1_000)), ServerUpTimeSeconds: BigInt(Math.floor((Date.now() - startedMs) / 1_000)),
  }).finish());
  addUnary(kubemqMethods.sendEvent.path, Event, (event) => {
    const result = publish(event);
    if (!result.Sent) throw new StatusError(INTERNAL, result.Error);
    return Result.encode(result).finish();
  });
  add(kubemqMethods.sendEventsStream.path, async function* (messages) {
    for await (const message of messages) {
      const event = decoded(Event, message);
      const result = publish(event);
      if (event.Store || !result.Sent) yield Result.encode(result).finish();
    }
  });
  add(kubemqMethods.subscribeToEvents.path, async function* (messages, context) {
    const request = await only(messages, Subscribe);
    if (request.SubscribeTypeData === EVENTS) {
      yield* follow(events, request, context, (event) => EventReceive.encode(event).finish());
    } else if (request.SubscribeTypeData === EVENTS_STORE) {
      const feed = new Feed<EventReceive>();
      const leave = store.subscribe(request, (event) => feed.push(event));
      if (typeof leave === "string") throw new StatusError(INTERNAL, leave);
      try {
        for await (const event of feed.read(context.signal)) yield EventReceive.encode(event).finish();
      } finally {
        leave();
      }
    } else {
      throw new StatusError(INTERNAL, texts.subscribeType);
    }
  });
  add(kubemqMethods.subscribeToRequests.path, async function* (messages, context) {
    const request = await only(messages, Subscribe);
    const { SubscribeTypeData: type } = request;
    if (type !== COMMANDS && type !== QUERIES) throw new StatusError(INTERNAL, texts.subscribeType);
    yield* follow(type === COMMANDS ? requests.commands : requests.queries, request, context, (asked) => Request.encode(asked).finish());
  });
  addUnary(kubemqMethods.sendRequest.path, Request, async (request, signal) => Response.encode(await requests.send(request, signal)).finish());
  addUnary(kubemqMethods.sendResponse.path, Response, (response) => {
    requests.respond(response);
    return new Uint8Array(0);
  });
  for (const [path, method] of queueMethods(queues)) add(path, method);
  return {
    methods,
    maxRequestBytes: () => MAX_REQUEST_BYTES,
    close() {
      queues.close();
      shutdown.end(new Error("The server ends"));
    },
  };
}

const EMPTY: Decoder<Empty> = Empty;

/** What an exchange hands to one subscriber, until it leaves. */
async function* follow<T>(exchange: Exchange<T>, request: Subscribe, { signal }: ServiceContext, encode: (message: T) => Uint8Array): AsyncGenerator<Uint8Array> {
  const fault = subscribeFault(request);
  if (fault !== undefined) throw new StatusError(INTERNAL, fault);
  const feed = new Feed<T>();
  const receiver: Receiver<T> = { pattern: request.Channel, group: request.Group, take: (message) => feed.push(message) };
  const leave = exchange.join(receiver);
  try {
    for await (const message of feed.read(signal)) yield encode(message);
  } finally {
    leave();
  }
}

function checkToken(token: string | undefined, { headers }: ServiceContext): void {
  if (token === undefined) return;
  const given = headers.get("authorization");
  if (given === null) throw new StatusError(UNAUTHENTICATED, "Authorization token is not supplied");
  if (given !== token) throw new StatusError(UNAUTHENTICATED, "Error 421: authentication verification failed, signature is invalid");
}

/** The time in nanoseconds, each a little later than the one before. */
function risingNanoseconds(): () => bigint {
  let last = 0n;
  return () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    last = now > last ? now : last + 1n;
    return last;
  };
}
