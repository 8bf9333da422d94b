import type { PayloadCodec } from "../core/codec.js";
import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import type { CallOptions, RetryOptions } from "../core/options.js";
import { linkSignals, type LinkedSignal } from "../core/signal.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { openConnection, type Connection } from "../carrier/connection.js";
import { invokeUnary, openStream } from "../carrier/invoke.js";
import type { Carrier } from "../carrier/types.js";
import { umadbMethods, type Method } from "../wire/methods.js";
import type { Query as WireQuery, ReadRequest } from "../../gen/static/umadb/v1/umadb.js";
import { count, MAX_UINT64, optional, position, text, wrong } from "./check.js";
import type { AppendContext } from "./append.js";
import { decodeNumber } from "./codec.js";
import { encodeName, encodeRead, encodeSubscribe } from "./codec-request.js";
import { toSource, toWireQuery } from "./convert.js";
import { AppendConditionError, toUmaDbError } from "./errors.js";
import { decodeMessage, readMessages } from "./messages.js";
import type { AppendOptions, Health, HealthOptions, ReadOptions, SubscribeOptions, UmaDbOptions } from "./options.js";
import { readOver, type Read } from "./read.js";
import { FeedSubscription, type UmaDbSubscription } from "./subscribe.js";
import type { NewEvent, Query } from "./types.js";

const HEALTH: readonly Health["status"][] = ["unknown", "serving", "not-serving"];

/** The server takes 16 KiB of request headers in all; this leaves room for the protocol's own. */
const MAX_METADATA_BYTES = 15_360;

/**
 * A client of one UmaDB store. It holds no connection of its own until it is used, and two clients share nothing.
 *
 * All methods check their arguments before anything is sent (`invalid_argument`). A caller's abort surfaces as the
 * reason of its signal, all else as a `MillraceError`.
 */
export class UmaDb<Data = Uint8Array> {
  readonly #connection: Connection;
  readonly #batchSize: number | undefined;
  readonly #codec: PayloadCodec<Data> | undefined;
  readonly #retry: RetryOptions | false | undefined;
  /** The highest position that is known to exist. */
  #seen = 0n;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: UmaDbOptions<Data>) {
    const connection = openConnection("umadb", options, { toError: toUmaDbError, optionNames: ["batchSize", "codec"] });
    this.#connection = { ...connection, carrier: withinMetadataLimit(connection.carrier) };
    this.#batchSize = optional(options.batchSize, (value) => count(value, "batchSize"));
    this.#codec = optional(options.codec, checkCodec);
    this.#retry = options.retry;
  }

  /**
   * Appends events atomically: all, in this order and without gaps between them, or none.
   *
   * An append whose answer is lost is settled, when it has a condition, by reading the store; see the guide. Tries that
   * certainly recorded nothing are repeated as `retry` says.
   *
   * @param events At least one, at most 4 MiB in all.
   * @returns The position of the last event. For a repeat of an append (same events with the same uuids, same
   *   condition, which the events themselves match) the position that it got the first time.
   * @throws {AppendConditionError} An event past `condition.after` matches. Nothing was recorded.
   * @throws {TrackingConflictError} `trackingInfo.position` is not past the recorded one. Nothing was recorded.
   * @throws {MillraceError} With `applied: "unknown"` (`timeout`, `unavailable`, …) it may have been recorded, and after
   *   an abort too; with `applied: "no"` nothing was.
   */
  async append(events: readonly NewEvent<Data>[], options: AppendOptions = {}): Promise<bigint> {
    checkCallOptions(options, "umadb", ["condition", "trackingInfo"]);
    const { append } = await loadAppend();
    const scope = linkSignals(options.signal, this.#connection.closed);
    try {
      const last = await append(this.#appendContext(scope, options.timeoutMs), events, options);
      this.#note(last);
      return last;
    } finally {
      scope.release();
    }
  }

  /**
   * Reads the events that match `query`, all by default, as they are when the read starts. Nothing is sent before it is
   * iterated. To go on with new events, see {@link UmaDb.subscribe}; a read does not.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated: `timeout` when the next batch does not
   *   come within `timeoutMs`, `unavailable`, `data_loss` when the server cannot read its store.
   */
  read(query?: Query, options: ReadOptions = {}): Read<Data> {
    checkCallOptions(options, "umadb", ["start", "backwards", "limit", "batchSize"]);
    const { start, backwards, limit, batchSize, ...call } = options;
    if (backwards !== undefined && typeof backwards !== "boolean") throw wrong("options.backwards", backwards, "must be true or false");
    const request: ReadRequest = {
      query: toWireQuery(query, "query"),
      start: optional(start, (value) => position(value, "options.start")),
      backwards,
      limit: optional(limit, (value) => count(value, "options.limit")),
      batchSize: this.#batch(batchSize),
    };
    const bytes = encodeRead(request);
    return readOver({
      request, codec: this.#codec, signal: call.signal,
      open: () => openStream(this.#connection, umadbMethods.read, bytes, call),
      seen: (seen) => this.#note(seen),
    });
  }

  /**
   * Follows the events that match `query`, all by default: the stored ones past `after`, then new ones as they are
   * appended. Nothing is sent before the first `next()` or `opened`.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated.
   */
  subscribe(query?: Query, options: SubscribeOptions = {}): UmaDbSubscription<Data> {
    checkCallOptions(options, "umadb", ["after", "batchSize"]);
    const { after, batchSize, signal, ...call } = options;
    if (after !== "end") optional(after, (value) => position(value, "options.after", MAX_UINT64 - 1n, ', or "end"'));
    const wire = toWireQuery(query, "query");
    const size = this.#batch(batchSize);
    return new FeedSubscription({
      after, signal, codec: this.#codec, connection: this.#connection, retry: this.#retry,
      lastStored: (from, own) => this.#lastStored(from === "end" ? undefined : wire, { headers: call.headers, signal: own }),
      open: (from, own) => {
        const bytes = encodeSubscribe({ query: wire, after: from, batchSize: size });
        return openStream(this.#connection, umadbMethods.subscribe, bytes, { ...call, signal: own });
      },
      seen: (seen) => this.#note(seen),
    });
  }

  /** The position of the last event; `undefined` when the store is empty. */
  async head(options: CallOptions = {}): Promise<bigint | undefined> {
    const head = await this.#number(umadbMethods.head, "", options);
    if (head !== undefined) this.#note(head);
    return head;
  }

  /**
   * The position recorded for a tracking source; `undefined` when there is none.
   *
   * @param source At most 255 bytes of UTF-8, as for an append.
   */
  async trackingInfo(source: string, options: CallOptions = {}): Promise<bigint | undefined> {
    return this.#number(umadbMethods.trackingInfo, toSource(source, "source"), options);
  }

  /**
   * Asks the server how it is; needs no credentials there.
   *
   * @throws {MillraceError} `not_found` for a service that the server does not have.
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    checkCallOptions(options, "umadb", ["service"]);
    const { service = "", ...call } = options;
    const status = await this.#number(umadbMethods.healthCheck, text(service, "options.service"), call);
    return { status: HEALTH[Number(status)] ?? "unknown" };
  }

  /** Ends all calls and subscriptions with `unavailable`. A carrier that was given stays its maker's. Idempotent. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** As {@link UmaDb.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  #appendContext(scope: LinkedSignal, timeoutMs: number | undefined): AppendContext<Data> {
    const connection = this.#connection;
    const { retry } = connection;
    const patient = { ...connection, retry: retry && { ...retry, attempts: Infinity, maxMs: Math.min(retry.maxMs, 1_000) } };
    return {
      scope,
      codec: this.#codec,
      knownHead: this.#seen,
      timeoutMs: timeoutMs ?? connection.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      send: async (bytes, call) => decodeMessage(decodeNumber, await invokeUnary(connection, umadbMethods.append, bytes, call), "unknown") ?? 0n,
      read: (bytes, call) => readMessages(openStream(patient, umadbMethods.read, bytes, call)),
      refused: (message) => new AppendConditionError(message),
    };
  }

  /** Asks for a number, by a name or by nothing: all that the short methods do. */
  async #number(method: Method, name: string, options: CallOptions, connection = this.#connection): Promise<bigint | undefined> {
    return decodeMessage(decodeNumber, await invokeUnary(connection, method, encodeName(name), options));
  }

  /** The last stored event that matches: for a subscription that is opened, so it waits no longer than for a connection. */
  async #lastStored(query: WireQuery | undefined, options: CallOptions): Promise<bigint | undefined> {
    const connection: Connection = { ...this.#connection, retry: false };
    const call = { ...options, timeoutMs: connection.connectTimeoutMs };
    if (query === undefined || query.items.length === 0) return this.#number(umadbMethods.head, "", call, connection);
    const bytes = encodeRead({ query, backwards: true, limit: 1 });
    const reader = readMessages(openStream(connection, umadbMethods.read, bytes, call));
    const message = await reader.take();
    reader.leave();
    return message?.events[0]?.position;
  }

  #batch(batchSize: number | undefined): number | undefined {
    return optional(batchSize, (value) => count(value, "options.batchSize")) ?? this.#batchSize;
  }

  #note(seen: bigint): void {
    if (seen > this.#seen) this.#seen = seen;
  }
}

/** Apart, because a page that only reads need not load it with itself. */
function loadAppend(): Promise<typeof import("./append.js")> {
  return import("./append.js").catch((cause: unknown) => {
    throw new MillraceError("unavailable", "The part of the client that appends could not be loaded", { system: "umadb", cause });
  });
}

function checkCodec<Data>(codec: PayloadCodec<Data>): PayloadCodec<Data> {
  if (typeof codec !== "object" || codec === null || typeof codec.encode !== "function" || typeof codec.decode !== "function") {
    throw wrong("codec", codec, "must be an object with encode() and decode()");
  }
  return codec;
}

/** Refuses calls whose headers the server would turn away with a bare HTTP status. */
function withinMetadataLimit(carrier: Carrier): Carrier {
  return {
    call(call) {
      let size = 0;
      call.headers.forEach((value, name) => { size += name.length + value.length + 32; });
      if (size > MAX_METADATA_BYTES) throw wrong("headers", call.headers, `must have at most ${MAX_METADATA_BYTES} bytes (names, values and 32 for each), not ${size}`);
      return carrier.call(call);
    },
    close: () => carrier.close(),
  };
}
