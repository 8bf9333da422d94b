import { checkInteger, checkOptions, MAX_TIMER_MS } from "../core/arguments.js";
import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import type { CallOptions, HeadersOption, RetryOptions } from "../core/options.js";
import { toRetryPolicy } from "../core/retry-options.js";
import { Ending } from "../core/signal.js";
import type { Asked } from "../wire/messagedb.js";
import { callOptions, categoryName, consumerGroup, count, position, text, wrong } from "./check.js";
import type { Write } from "./check-write.js";
import type { Http } from "./http.js";
import type { JsonFormat, ReadCategoryOptions, ReadLastMessageOptions, ReadOptions, ReadStreamOptions, SubscribeOptions, WriteOptions } from "./options.js";
import { openRead, type ReadPage } from "./read.js";
import type { ReportName } from "./reports.js";
import { toMessage } from "./rows.js";
import { toCategoryRange, toReadRange, toStreamRange, wireSource, type ReadRange } from "./source.js";
import type { MessageStore, MessageSubscription, Read } from "./store.js";
import type { MessageStream } from "./stream.js";
import { openSubscription } from "./subscribe.js";
import type { CategoryTypeCount, ConsumerGroup, Message, NewMessage, StreamCount, StreamTypeCount, TypeCount } from "./types.js";

/** Options of `MessageDb`. */
export interface MessageDbOptions {
  /** The gateway, `http:` or `https:`; a path is kept as a prefix. May be relative in a page. */
  url: string | URL;
  /** Sent with each request: a value, or a function that is asked for each, and once more after `unauthenticated`. */
  headers?: HeadersOption | undefined;
  /** Used instead of the platform's `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Milliseconds for a call with its repeats, and for each page of a read; 30 000 by default, `0` means none. */
  timeoutMs?: number | undefined;
  /** Milliseconds until the stream of the subscriptions must have begun; 10 000 by default. */
  connectTimeoutMs?: number | undefined;
  /** How calls that are safe to repeat are repeated; `false` for not at all. 4 tries by default, pauses of 100 to 5 000 ms. */
  retry?: RetryOptions | false | undefined;
  /** How JSON text becomes values, and values text; `JSON` by default. */
  json?: JsonFormat | undefined;
}

/** Options of `MessageDb.query`: values for what the registered query names. */
export interface QueryOptions extends CallOptions {
  /** `$stream`; an empty string by default. */
  stream?: string | undefined;
  /** `$position`; 0 by default. */
  position?: bigint | undefined;
  /** `$limit`, at most 1 000, which is the default. */
  limit?: number | undefined;
  /** `$member` and `$size`; NULL by default. */
  consumerGroup?: ConsumerGroup | undefined;
}

const OPTIONS = ["url", "headers", "fetch", "timeoutMs", "connectTimeoutMs", "retry", "json"];

/**
 * A client of one Message DB store, over HTTP through a gateway. It holds no connection until it is used, then one for
 * all of its subscriptions; two clients share nothing.
 */
export class MessageDb implements MessageStore {
  readonly #http: Http;
  readonly #json: JsonFormat;
  readonly #retry: MessageDbOptions["retry"];
  #stream: MessageStream | undefined;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: MessageDbOptions) {
    checkOptions("options", options, OPTIONS, "", "messagedb");
    const { url, headers, fetch, timeoutMs = 30_000, connectTimeoutMs = 10_000, retry, json = JSON } = options;
    if (fetch !== undefined && typeof fetch !== "function") throw wrong("fetch", fetch, "must be a function");
    const { parse, stringify } = Object(json) as Partial<JsonFormat>;
    if (typeof parse !== "function" || typeof stringify !== "function") throw wrong("json", json, "must be an object with parse() and stringify()");
    checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMER_MS, "messagedb");
    checkInteger("connectTimeoutMs", connectTimeoutMs, 0, MAX_TIMER_MS, "messagedb");
    this.#http = { ...parseGatewayUrl(url, "messagedb"), headers, fetch, timeoutMs, connectTimeoutMs, retry: toRetryPolicy(retry, "messagedb"), closed: new Ending() };
    this.#retry = retry;
    this.#json = json;
  }

  /**
   * Writes a message at the end of a stream. When the answer is lost the message is looked for by its id, and written
   * again if it is not there.
   *
   * @param stream Any name: `category-id`, or a bare category's.
   * @returns The message's position in the stream.
   * @throws {WrongExpectedVersionError} The stream is not at `expectedVersion`. Nothing was written.
   * @throws {DuplicateMessageError} Another message has this id. Nothing was written.
   * @throws {MillraceError} With `applied: "unknown"` it may have been written, and after an abort too.
   */
  async write(stream: string, message: NewMessage, options: WriteOptions = {}): Promise<bigint> {
    return this.#write((await loaded(import("./check-write.js"))).toWrite(stream, message, options, this.#json), options);
  }

  /**
   * Writes messages at the end of one stream in this order: all, with nothing between them, or none. As `write` else.
   *
   * @param messages At least one.
   * @returns The position of the last one.
   */
  async writeBatch(stream: string, messages: readonly NewMessage[], options: WriteOptions = {}): Promise<bigint> {
    return this.#write((await loaded(import("./check-write.js"))).toWriteBatch(stream, messages, options, this.#json), options);
  }

  /**
   * Reads what the name says: `"$all"` every message in ascending global position, a name with a hyphen a stream, any
   * other a category.
   */
  read<Data = unknown>(name: string, options: ReadOptions = {}): Read<Data> {
    return this.#read(toReadRange(name, options), options);
  }

  /**
   * Reads a stream in ascending position; one that does not exist is empty. Full pages come from the browser's cache
   * when they are read again, since stored messages never change.
   *
   * @param stream A name with a hyphen.
   */
  readStream<Data = unknown>(stream: string, options: ReadStreamOptions = {}): Read<Data> {
    return this.#read(toStreamRange(stream, options), options);
  }

  /**
   * Reads all streams of a category in ascending global position. As `readStream` else.
   *
   * @param category The name before the first hyphen; matched as a whole, so `account` is not `account:command`.
   */
  readCategory<Data = unknown>(category: string, options: ReadCategoryOptions = {}): Read<Data> {
    return this.#read(toCategoryRange(category, options), options);
  }

  /** The message with the highest position in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  async readLastMessage<Data = unknown>(stream: string, options: ReadLastMessageOptions = {}): Promise<Message<Data> | undefined> {
    callOptions(options, ["type"]);
    const type = options.type === undefined ? undefined : text(options.type, "options.type");
    const { message } = await this.#ask("last-message", { stream: text(stream, "stream"), type }, options);
    return message === null ? undefined : toMessage(message, this.#json);
  }

  /** The position of the last message in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  async streamVersion(stream: string, options: CallOptions = {}): Promise<bigint | undefined> {
    callOptions(options);
    return numberOf(await this.#ask("stream-version", { stream: text(stream, "stream") }, options));
  }

  /**
   * The ids of a category's streams, each once, sorted by their bytes in UTF-8: what follows the first hyphen of their
   * names. Empty ones are left out.
   */
  async streamIdentifiers(category: string, options: CallOptions = {}): Promise<string[]> {
    callOptions(options);
    const { ids } = await this.#ask("stream-identifiers", { category: categoryName(category, "category") }, options);
    return [...ids];
  }

  /** Messages of each stream. Reads the whole store, as all reports do. */
  async streamSummary(options: CallOptions = {}): Promise<StreamCount[]> {
    return this.#report("streamSummary", options);
  }

  /** Messages of each type. */
  async typeSummary(options: CallOptions = {}): Promise<TypeCount[]> {
    return this.#report("typeSummary", options);
  }

  /** Messages of each type in each stream, by stream. */
  async streamTypeSummary(options: CallOptions = {}): Promise<StreamTypeCount[]> {
    return this.#report("streamTypeSummary", options);
  }

  /** Messages of each type in each stream, by type. */
  async typeStreamSummary(options: CallOptions = {}): Promise<StreamTypeCount[]> {
    return this.#report("typeStreamSummary", options);
  }

  /** Messages of each type in each category, by category. */
  async categoryTypeSummary(options: CallOptions = {}): Promise<CategoryTypeCount[]> {
    return this.#report("categoryTypeSummary", options);
  }

  /** Messages of each type in each category, by type. */
  async typeCategorySummary(options: CallOptions = {}): Promise<CategoryTypeCount[]> {
    return this.#report("typeCategorySummary", options);
  }

  /** The version of the store's schema, such as `1.3.0`. */
  async messageStoreVersion(options: CallOptions = {}): Promise<string> {
    callOptions(options);
    return (await this.#ask("message-store-version", {}, options)).version;
  }

  /**
   * Runs a query that the gateway's operator has registered, and reads its messages in its order. SQL itself never
   * travels.
   *
   * @throws {MillraceError} `not_found` when no query has this name.
   */
  async query<Data = unknown>(name: string, options: QueryOptions = {}): Promise<Message<Data>[]> {
    callOptions(options, ["stream", "position", "limit", "consumerGroup"]);
    const { stream = "", position: place, limit } = options;
    const { messages } = await this.#ask("query", {
      query: text(name, "name"),
      stream: text(stream, "options.stream"),
      position: String(position(place, "options.position", 0n)),
      limit: count(limit, "options.limit", 1_000),
      ...consumerGroup(options.consumerGroup, "options.consumerGroup"),
    }, options);
    return messages.map((row) => toMessage(row, this.#json));
  }

  /**
   * Follows a category, a stream (a name with a hyphen) or `"$all"`: the stored messages, then new ones as they are
   * written. Nothing is sent before the first `next()` or `opened`. All subscriptions of a client share one request,
   * unless `headers` are given.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated.
   */
  subscribe<Data = unknown>(name: string, options: SubscribeOptions = {}): MessageSubscription<Data> {
    const http = this.#http;
    return openSubscription({
      json: this.#json,
      retry: this.#retry,
      closed: http.closed,
      open: async (request) => {
        const { messageStream, streamFeed } = await loaded(import("./stream-feed.js"));
        const own = request.headers && messageStream(http, request.headers);
        return streamFeed(own ?? (this.#stream ??= messageStream(http, undefined)), request, this.#page(request));
      },
      lastPosition: async (source, request) => numberOf(await this.#ask("last-position", { name: wireSource(source).name }, request)),
    }, name, options);
  }

  /** Ends all calls and subscriptions with `unavailable`. Idempotent. */
  async close(): Promise<void> {
    this.#http.closed.end(new MillraceError("unavailable", "The client is closed", { system: "messagedb" }));
  }

  /** As {@link MessageDb.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #write({ stream, messages, expectedVersion }: Write, options: CallOptions): Promise<bigint> {
    const rows = messages.map(({ id, type, data, metadata }) => [id, type, data, metadata] as const);
    const expected = expectedVersion?.toString();
    const { ask, callWrite } = await calling();
    const { position } = await callWrite((repeated, signal) => ask(this.#http, "write", {
      body: { stream, messages: rows, expected, repeat: repeated || undefined },
      headers: options.headers, signal,
    }), options, this.#http);
    return BigInt(position);
  }

  #read<Data>(range: ReadRange, options: CallOptions): Read<Data> {
    return openRead(range, this.#page(options), this.#json, options.signal);
  }

  #page(options: Pick<CallOptions, "headers" | "timeoutMs">): ReadPage {
    return async (source, start, limit, signal, full) => {
      const body = { ...wireSource(source), start: String(start), limit };
      return (await this.#ask("read", body, { ...options, signal }, source.kind !== "all", full)).messages;
    };
  }

  async #report<Row>(name: ReportName, options: CallOptions): Promise<Row[]> {
    callOptions(options);
    const [{ toReportRow }, { rows }] = await Promise.all([loaded(import("./reports.js")), this.#ask("report", { name }, options)]);
    return rows.map((row) => toReportRow<Row>(name, row));
  }

  async #ask<Operation extends keyof Asked>(operation: Operation, body: Asked[Operation]["body"], { headers, ...options }: CallOptions, cached?: boolean, full?: (next: bigint) => void): Promise<Asked[Operation]["answer"]> {
    const { ask, callRead } = await calling();
    return callRead((signal) => ask(this.#http, operation, { body, headers, signal, full }, cached), options, this.#http);
  }
}

/** Parts that a page need not load with itself. */
function loaded<T>(part: Promise<T>): Promise<T> {
  return part.catch((cause: unknown) => {
    throw new MillraceError("unavailable", "A part of the client's code could not be loaded", { system: "messagedb", cause });
  });
}

/** What makes calls: a page that has made none yet needs none of it. */
function calling(): Promise<typeof import("./http-calls.js")> {
  return loaded(import("./http-calls.js"));
}

function numberOf({ position }: { readonly position: string | null }): bigint | undefined {
  return position === null ? undefined : BigInt(position);
}
