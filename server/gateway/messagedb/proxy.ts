import { isMillraceError, MillraceError } from "millrace/internal/core/errors";
import { platformClock } from "millrace/internal/core/wake";
import type { ResumeClock } from "millrace/internal/core/subscription";
import { sqlPageReader } from "millrace/internal/messagedb/sql-subscribe";
import { MESSAGEDB_PATH, NEXT_HEADER } from "millrace/internal/wire/messagedb";
import { corsHeaders } from "../cors.js";
import { fieldOf, type GatewayRequest, type HeaderFields, type ResponseSink } from "../exchange.js";
import type { Limits } from "../limits.js";
import type { OccasionalWarnings } from "../occasional-warnings.js";
import type { WaitingBytes } from "../waiting-bytes.js";
import { readJson } from "./body.js";
import { checkDatabase } from "./check-database.js";
import type { Database } from "./database.js";
import type { Polling } from "./follower.js";
import { JsonText, operationOf, readAnswer, type OperationContext } from "./operations.js";
import { fieldsOfQuery, readRequest, subscribeRequest } from "./requests.js";
import { SubscriptionStream } from "./stream.js";
import { Tails } from "./tails.js";
import { errorOf, httpStatusOf, toWireError } from "./wire-error.js";

/** What callers may do. */
export interface Allowed {
  /** Reads, reports, subscriptions and registered queries. */
  readonly read: boolean;
  /** Writes. */
  readonly write: boolean;
}

/** What a {@link MessageDbProxy} is made of. */
export interface ProxyParts {
  readonly database: Database;
  readonly allowed: Allowed;
  readonly queries: ReadonlyMap<string, string>;
  /** From one question to the database to the next, in milliseconds. */
  readonly pollMs: number;
  /** Whether subscribers share loops: not where a request cannot use what another one opened. */
  readonly shared: boolean;
  readonly limits: Pick<Limits, "messageBytes" | "bodyTimeoutMs" | "stallMs" | "callsPerConnection">;
  readonly waiting: WaitingBytes;
  readonly warnings: OccasionalWarnings;
  /** Whose pauses end when something was written; the platform's by default. */
  readonly clock?: ResumeClock | undefined;
}

const KEPT_FOR_EVER = "private, max-age=31536000, immutable";

/** For a store that may be made anew at the same address: a browser keeps the page, and asks whether it still holds. */
const ASKED_AGAIN = "private, no-cache";

/** Message DB over HTTP: takes requests that were admitted, whose path begins with `/messagedb/v1/`. */
export class MessageDbProxy {
  readonly #parts: ProxyParts;
  readonly #context: OperationContext;
  readonly #polling: Polling;
  readonly #tails: Tails | undefined;
  readonly #streams = new Set<SubscriptionStream>();
  #closed: Promise<void> | undefined;

  constructor(parts: ProxyParts) {
    const { database, queries, pollMs, clock = platformClock, shared } = parts;
    this.#parts = parts;
    this.#context = { sql: database.sql, queries };
    this.#polling = { reader: sqlPageReader(database.polls), pollMs, clock };
    this.#tails = shared ? new Tails(this.#polling) : undefined;
  }

  /** Answers a request. Resolves when it needs the database no more. @param origin The page's, if it is one. */
  handle(request: GatewayRequest, sink: ResponseSink, origin: string | undefined): Promise<void> {
    return this.#answer(request, sink, origin).catch((error: unknown) => {
      const known = errorOf(error);
      if (!isMillraceError(error) || known.code === "internal") this.#parts.warnings.warn("messagedb", { code: known.code }, "A call to Message DB failed");
      respondJson(sink, httpStatusOf(known), { ...corsHeaders(origin), "cache-control": "no-store" }, { error: toWireError(known) });
    });
  }

  /** @throws {MillraceError} When the database cannot be served: `unavailable` for now, else until its operator has changed something. */
  async check(): Promise<void> {
    const { sql, own } = this.#parts.database;
    if (own !== true) await checkDatabase(sql);
  }

  /** Ends all subscriptions so that they resume elsewhere, and closes the connections. Idempotent. */
  close(): Promise<void> {
    return (this.#closed ??= this.#drain());
  }

  async #drain(): Promise<void> {
    for (const stream of this.#streams) stream.end(draining());
    await this.#parts.database.close();
  }

  async #answer(request: GatewayRequest, sink: ResponseSink, origin: string | undefined): Promise<void> {
    if (this.#closed !== undefined) throw draining();
    const [, name = "", query = ""] = /^([^?]*)(?:\?(.*))?$/s.exec(request.target.slice(MESSAGEDB_PATH.length)) ?? [];
    const cors = { ...corsHeaders(origin), ...(origin !== undefined && { "access-control-expose-headers": NEXT_HEADER }) };
    if (request.method !== "POST") {
      if (name !== "read") throw noOperation();
      return this.#readPage(fieldsOfQuery(new URLSearchParams(query)), request, sink, cors);
    }
    const operation = operationOf(name);
    if (query !== "" || (operation === undefined && name !== "subscribe")) throw noOperation();
    if (!/^application\/json *(;|$)/i.test(fieldOf(request.headers, "content-type") ?? "")) throw invalid("Send content-type application/json");
    if (request.headers["content-encoding"] !== undefined) throw invalid("Send the body as it is, without content-encoding");
    this.#permit(operation?.reads ?? true);
    const { messageBytes, bodyTimeoutMs } = this.#parts.limits;
    const body = await readJson(request, { maxBytes: messageBytes, timeoutMs: bodyTimeoutMs, waiting: this.#parts.waiting });
    if (operation === undefined) return this.#subscribe(body, sink, cors);
    respondJson(sink, 200, { ...cors, "cache-control": "no-store" }, await operation.run(body, this.#context));
  }

  /** A page by GET. What is full never changes: positions are given in order, and nothing is deleted. */
  async #readPage(fields: Record<string, unknown>, request: GatewayRequest, sink: ResponseSink, cors: HeaderFields): Promise<void> {
    this.#permit(true);
    const asked = readRequest(fields);
    if (asked.source.kind === "all") throw invalid("What is read of all streams is read by POST");
    const { answer, etag } = await readAnswer(asked, this.#context.sql);
    const vary = { vary: "Authorization, Origin" };
    if (etag === undefined) return respondJson(sink, 200, { ...cors, ...vary, "cache-control": "no-store" }, answer);
    const headers = { ...cors, ...vary, "cache-control": this.#parts.database.own === true ? ASKED_AGAIN : KEPT_FOR_EVER, etag };
    if (fieldOf(request.headers, "if-none-match") !== etag) return respondJson(sink, 200, headers, answer);
    sink.open(304, headers);
    sink.end();
  }

  #subscribe(body: unknown, sink: ResponseSink, cors: HeaderFields): Promise<void> {
    const request = subscribeRequest(body);
    if (this.#closed !== undefined) throw draining();
    sink.open(200, { ...cors, ...JSON_HEADERS, "content-type": "application/x-ndjson", "cache-control": "no-store, no-transform", "x-accel-buffering": "no" }, true);
    const context = { polling: this.#polling, tails: this.#tails, stallMs: this.#parts.limits.stallMs };
    return new Promise((ended) => {
      const stream: SubscriptionStream = new SubscriptionStream(sink, request, context, () => {
        this.#streams.delete(stream);
        ended();
      });
      this.#streams.add(stream);
      stream.start();
    });
  }

  #permit(reads: boolean): void {
    const { allowed } = this.#parts;
    if (reads ? allowed.read : allowed.write) return;
    throw new MillraceError("permission_denied", `This gateway does not allow ${reads ? "reading" : "writing"}`, { system: "messagedb", reason: "policy" });
  }
}

const JSON_HEADERS: HeaderFields = { "content-type": "application/json", "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin" };

function respondJson(sink: ResponseSink, status: number, headers: HeaderFields, value: unknown): void {
  sink.open(status, { ...headers, ...JSON_HEADERS, ...(value instanceof JsonText && value.headers) });
  const text = value instanceof JsonText ? value.text : JSON.stringify(value);
  sink.end(typeof text === "string" ? new TextEncoder().encode(text) : text);
}

function draining(): MillraceError {
  return new MillraceError("unavailable", "The gateway is shutting down: connect again", { system: "messagedb", reason: "drain" });
}

function noOperation(): MillraceError {
  return new MillraceError("unsupported", "There is no such operation", { system: "messagedb" });
}

function invalid(message: string): MillraceError {
  return new MillraceError("invalid_argument", message, { system: "messagedb" });
}
