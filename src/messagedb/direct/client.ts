import postgres from "postgres";
import { checkInteger, checkOptions, MAX_TIMER_MS } from "../../core/arguments.js";
import { asyncDispose } from "../../core/dispose.js";
import { MillraceError } from "../../core/errors.js";
import type { CallOptions } from "../../core/options.js";
import { toRetryPolicy } from "../../core/retry-options.js";
import { Ending, startTimer } from "../../core/signal.js";
import { call, callWrite, type CallRules } from "../calls.js";
import { callOptions, categoryName, text, wrong } from "../check.js";
import { toWrite, toWriteBatch, type Write } from "../check-write.js";
import { readCustom } from "../custom-query.js";
import type { JsonFormat, ReadCategoryOptions, ReadLastMessageOptions, ReadStreamOptions, SubscribeOptions, WriteOptions } from "../options.js";
import { openRead } from "../read.js";
import { readReport, toReportRow, type ReportName } from "../reports.js";
import { toMessage } from "../rows.js";
import { toCategoryRange, toReadRange, toStreamRange, type ReadRange } from "../source.js";
import type { SqlExecutor } from "../sql-executor.js";
import { toMessageDbError } from "../sql-errors.js";
import { lastPosition, sqlPageReader } from "../sql-subscribe.js";
import { writeMessages } from "../sql-write.js";
import { messageStoreVersion, readLastMessage, readPage, streamIdentifiers, streamVersion } from "../sql.js";
import type { MessageStore, MessageSubscription, Read } from "../store.js";
import { pollFeed } from "../subscribe-poll.js";
import { openSubscription, type FeedOrigin } from "../subscribe.js";
import type { CategoryTypeCount, Message, NewMessage, StreamCount, StreamTypeCount, TypeCount } from "../types.js";
import type { DirectReadOptions, MessageDbDirectOptions } from "./options.js";
import { postgresExecutor, type PostgresJs } from "./postgres-executor.js";

const OPTION_NAMES = ["url", "sql", "maxConnections", "json", "timeoutMs", "connectTimeoutMs", "pollMs", "retry"];

/** How long `close()` waits for statements that are under way, in milliseconds. */
const CLOSE_MS = 5_000;

/**
 * A client of one Message DB store, straight on PostgreSQL by postgres.js. For Node, Deno, Bun, and Workers with
 * `nodejs_compat`; a page takes `MessageDb` of `millrace/messagedb`, which has the same methods over HTTP.
 *
 * It connects when it is used. Two clients share nothing.
 */
export class MessageDbDirect implements MessageStore {
  readonly #sql: SqlExecutor;
  readonly #json: JsonFormat;
  readonly #rules: CallRules;
  readonly #origin: FeedOrigin;
  readonly #end: () => Promise<void>;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: MessageDbDirectOptions) {
    checkOptions("options", options, OPTION_NAMES, "", "messagedb");
    const { url, sql, json = JSON, timeoutMs = 30_000, pollMs = 100, retry } = options;
    if ((url === undefined) === (sql === undefined)) throw new MillraceError("invalid_argument", "Exactly one of `url` and `sql` must be given", { system: "messagedb" });
    checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMER_MS, "messagedb");
    checkInteger("pollMs", pollMs, 1, MAX_TIMER_MS, "messagedb");
    this.#json = checkJson(json);
    this.#rules = { timeoutMs, retry: toRetryPolicy(retry, "messagedb"), closed: new Ending() };
    const given = sql === undefined ? undefined : checkSql(sql, options);
    const own = given === undefined ? connect(options) : undefined;
    const executor = postgresExecutor(given ?? (own as unknown as PostgresJs));
    this.#sql = executor;
    this.#origin = originOf(this.#sql, { json: this.#json, retry, closed: this.#rules.closed }, pollMs);
    this.#end = async () => {
      // Waited for here: postgres.js itself would wait in vain for a connection that was lost.
      let stop = (): void => {};
      const late = new Promise<void>((resolve) => { stop = startTimer(CLOSE_MS, resolve); });
      await Promise.race([executor.settled(), late]);
      stop();
      await own?.end({ timeout: 0 });
    };
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
    return this.#write(toWrite(stream, message, options, this.#json), options);
  }

  /**
   * Writes messages at the end of one stream in this order: all, with nothing between them, or none. As `write` else.
   *
   * @param messages At least one.
   * @returns The position of the last one.
   */
  async writeBatch(stream: string, messages: readonly NewMessage[], options: WriteOptions = {}): Promise<bigint> {
    return this.#write(toWriteBatch(stream, messages, options, this.#json), options);
  }

  /**
   * Reads what the name says: `"$all"` every message in ascending global position, a name with a hyphen a stream, any
   * other a category. Or what a query of one's own (`sql`) gives.
   */
  read<Data = unknown>(name: string, options: DirectReadOptions = {}): Read<Data> {
    const range = toReadRange(name, options, ["sql"]);
    return options.sql === undefined ? this.#read(range, options) : this.#readCustom(name, text(options.sql, "options.sql"), range, options);
  }

  /** Reads a stream in ascending position; one that does not exist is empty. @param stream A name with a hyphen. */
  readStream<Data = unknown>(stream: string, options: ReadStreamOptions = {}): Read<Data> {
    return this.#read(toStreamRange(stream, options), options);
  }

  /**
   * Reads all streams of a category in ascending global position.
   *
   * @param category The name before the first hyphen; matched as a whole, so `account` is not `account:command`.
   */
  readCategory<Data = unknown>(category: string, options: ReadCategoryOptions = {}): Read<Data> {
    return this.#read(toCategoryRange(category, options), options);
  }

  /** The message with the highest position in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  async readLastMessage<Data = unknown>(stream: string, options: ReadLastMessageOptions = {}): Promise<Message<Data> | undefined> {
    callOptions(options, ["type"]);
    const name = text(stream, "stream");
    const type = options.type === undefined ? undefined : text(options.type, "options.type");
    const row = await this.#call((signal) => readLastMessage(this.#sql, name, type, signal), options);
    return row && toMessage(row, this.#json);
  }

  /** The position of the last message in a stream; `undefined` where there is none. @param stream A bare category's name too. */
  async streamVersion(stream: string, options: CallOptions = {}): Promise<bigint | undefined> {
    callOptions(options);
    const name = text(stream, "stream");
    return this.#call((signal) => streamVersion(this.#sql, name, signal), options);
  }

  /**
   * The ids of a category's streams, each once, sorted by their bytes in UTF-8: what follows the first hyphen of their
   * names. Empty ones are left out.
   */
  async streamIdentifiers(category: string, options: CallOptions = {}): Promise<string[]> {
    callOptions(options);
    const name = categoryName(category, "category");
    return this.#call((signal) => streamIdentifiers(this.#sql, name, signal), options);
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
    return this.#call((signal) => messageStoreVersion(this.#sql, signal), options);
  }

  /**
   * Follows a category, a stream (a name with a hyphen) or `"$all"`: the stored messages, then new ones as they are
   * written, which it asks for every `pollMs`. Nothing is sent before the first `next()` or `opened`.
   */
  subscribe<Data = unknown>(name: string, options: SubscribeOptions = {}): MessageSubscription<Data> {
    return openSubscription(this.#origin, name, options);
  }

  /** Ends all calls and subscriptions with `unavailable`. An instance that was given (`sql`) stays its maker's. Idempotent. */
  async close(): Promise<void> {
    this.#rules.closed.end(new MillraceError("unavailable", "The client is closed", { system: "messagedb" }));
    await this.#end();
  }

  /** As {@link MessageDbDirect.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<T>(run: (signal: AbortSignal) => Promise<T>, options: CallOptions): Promise<T> {
    return call((signal) => run(signal).catch((error: unknown) => { throw errorOf(error, signal); }), options, this.#rules);
  }

  #write(write: Write, options: WriteOptions): Promise<bigint> {
    return callWrite((repeated, signal) => writeMessages(this.#sql, write, repeated, signal), options, this.#rules);
  }

  #read<Data>(range: ReadRange, options: CallOptions): Read<Data> {
    const { signal, timeoutMs } = options;
    return openRead(
      range,
      (source, start, limit, scope) => this.#call((inner) => readPage(this.#sql, source, start, limit, inner), { signal: scope, timeoutMs }),
      this.#json, signal,
    );
  }

  #readCustom<Data>(stream: string, query: string, range: ReadRange, { signal, timeoutMs, consumerGroup }: DirectReadOptions): Read<Data> {
    const parameters = { stream, position: range.start, limit: range.limit, ...consumerGroup };
    return openRead(
      // One page is all: where another would begin is the query's own affair.
      { ...range, limit: Infinity, once: true },
      (_source, _start, _limit, scope) => this.#call((inner) => readCustom(this.#sql, query, parameters, inner), { signal: scope, timeoutMs }),
      this.#json, signal,
    );
  }

  async #report<Row>(report: ReportName, options: CallOptions): Promise<Row[]> {
    callOptions(options);
    const rows = await this.#call((signal) => readReport(this.#sql, report, signal), options);
    return rows.map((row) => toReportRow<Row>(report, row));
  }
}

function errorOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : toMessageDbError(error);
}

function originOf(sql: SqlExecutor, origin: Pick<FeedOrigin, "json" | "retry" | "closed">, pollMs: number): FeedOrigin {
  const mapped: SqlExecutor = {
    query: (text, parameters, signal) => sql.query(text, parameters, signal).catch((error: unknown) => { throw signal === undefined ? toMessageDbError(error) : errorOf(error, signal); }),
  };
  return {
    ...origin,
    lastPosition: (source, { signal }) => lastPosition(mapped, source, signal),
    async open({ source, start, limit, gapTimeoutMs, signal }) {
      // The first question is what says that the store is there.
      await lastPosition(mapped, source, signal);
      return pollFeed(sqlPageReader(mapped), { source, start, limit, pollMs, gapTimeoutMs, signal });
    },
  };
}

/**
 * Connections whose `search_path` and settings are those that Message DB needs. `message_store.sql_condition` is off from
 * the start, so that a transaction's own setting of it falls back to that, and not to an empty value, which counts as on.
 */
function connect({ url, maxConnections = 10, connectTimeoutMs = 10_000 }: MessageDbDirectOptions): postgres.Sql {
  if (!(url instanceof URL) && typeof url !== "string") throw wrong("url", url, "must be a string or a URL");
  if (!/^postgres(ql)?:/.test(String(url))) throw wrong("url", url, "must begin with postgres: or postgresql:");
  return postgres(String(url), {
    max: checkInteger("maxConnections", maxConnections, 1, 10_000, "messagedb"),
    connect_timeout: checkInteger("connectTimeoutMs", connectTimeoutMs, 1, MAX_TIMER_MS, "messagedb") / 1_000,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "millrace", search_path: "message_store, public", "message_store.sql_condition": "off" },
  });
}

function checkSql(sql: PostgresJs, { maxConnections, connectTimeoutMs }: MessageDbDirectOptions): PostgresJs {
  if (typeof (sql as Partial<PostgresJs>).unsafe !== "function") throw wrong("sql", sql, "must be an instance of postgres.js");
  if (maxConnections !== undefined) throw wrong("maxConnections", maxConnections, "must be given with `url` only");
  if (connectTimeoutMs !== undefined) throw wrong("connectTimeoutMs", connectTimeoutMs, "must be given with `url` only");
  return sql;
}

function checkJson(json: unknown): JsonFormat {
  const { parse, stringify } = Object(json) as Partial<JsonFormat>;
  if (typeof parse !== "function" || typeof stringify !== "function") throw wrong("json", json, "must have the functions parse() and stringify()");
  return json as JsonFormat;
}
