import type { PayloadCodec } from "../core/codec.js";
import { asyncDispose } from "../core/dispose.js";
import { isMillraceError, MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openConnection, type ConnectionOptions } from "../carrier/connection.js";
import { expectedRevision, flag, limit, name, place, revision, wrong } from "./check.js";
import { toFilter } from "./convert.js";
import type { ReadRequest } from "./encode-read.js";
import { toEventStoreDbError, type WrongExpectedVersionError } from "./errors.js";
import { headersOf } from "./leader.js";
import type { AppendOptions, AppendRecordsOptions, ReadAllOptions, ReadStreamOptions, SubscribeToAllOptions, SubscribeToStreamOptions, WriteOptions } from "./options.js";
import { IN_ALL, IN_STREAM } from "./place.js";
import { firstOf, openRead, type Read } from "./read.js";
import { storeKey, type HasStore, type Store } from "./store.js";
import type { MetadataResult, StreamMetadata } from "./stream-metadata.js";
import { openSubscription, type EventStoreDbSubscription } from "./subscribe.js";
import type { AppendResult, DeleteResult, ExpectedRevision, MultiAppendResult, NewEvent, NewRecord, Position, StreamAppend } from "./types.js";

/** Options of `EventStoreDb`. */
export interface EventStoreDbOptions<Data = Uint8Array> extends ConnectionOptions {
  /** Maps types and payloads to a domain's own and back; bytes as they are by default. */
  codec?: PayloadCodec<Data> | undefined;
}

/**
 * A client of one EventStoreDB or KurrentDB. It holds no connection of its own until it is used, and two clients share
 * nothing.
 *
 * All methods check their arguments before anything is sent (`invalid_argument`). A caller's abort surfaces as the
 * reason of its signal, all else as a `MillraceError`.
 */
export class EventStoreDb<Data = Uint8Array> implements HasStore<Data> {
  /** For this library's own facets. */
  readonly [storeKey]: Store<Data>;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: EventStoreDbOptions<Data>) {
    const connection = openConnection("eventstoredb", options, { toError: toEventStoreDbError, optionNames: ["codec"] });
    const { codec, retry } = options;
    if (codec !== undefined) checkCodec(codec);
    this[storeKey] = { connection, codec, retry };
  }

  /**
   * Appends events to a stream atomically: all, in this order, or none.
   *
   * The server recognises a repeat by the events' ids, so an append whose answer is lost is sent again, as `retry` says.
   * With `"any"` and `"stream_exists"` it remembers recent ids only.
   *
   * @param events May be empty: then only the expectation is checked.
   * @throws {WrongExpectedVersionError} The stream is not as expected; returned instead with `conflict: "return"`. Nothing
   *   was written.
   * @throws {StreamDeletedError} The stream was tombstoned. Nothing was written.
   * @throws {MillraceError} With `applied: "unknown"` (`timeout`, `unavailable`, …) they may have been written, and after
   *   an abort too; with `applied: "no"` nothing was.
   */
  append(stream: string, events: readonly NewEvent<Data>[], options: AppendOptions & { conflict: "return" }): Promise<AppendResult | WrongExpectedVersionError>;
  /** As above, with every `WrongExpectedVersionError` thrown. */
  append(stream: string, events: readonly NewEvent<Data>[], options?: AppendOptions & { conflict?: "throw" | undefined }): Promise<AppendResult>;
  async append(stream: string, events: readonly NewEvent<Data>[], options: AppendOptions = {}): Promise<AppendResult | WrongExpectedVersionError> {
    const { conflict = "throw" } = checkWrite(options, ["conflict"]);
    if (conflict !== "throw" && conflict !== "return") throw wrong("options.conflict", conflict, 'must be "throw" or "return"');
    const expected = expectedRevision(options.expectedRevision, "options.expectedRevision");
    const [{ appendTogether }, { toWireEvents }] = await Promise.all([import("./append-together.js").catch(notLoaded), loadWrites()]);
    const store = this[storeKey];
    try {
      return await appendTogether(store, { stream: name(stream, "stream"), expected, events: toWireEvents(events, store.codec) }, options);
    } catch (error) {
      if (conflict === "return" && isMillraceError(error) && error.name === "WrongExpectedVersionError") return error as WrongExpectedVersionError;
      throw error;
    }
  }

  /**
   * Appends to several streams atomically, each with its own expectation. KurrentDB 25.1 and newer.
   *
   * @throws {WrongExpectedVersionError} The first stream that is not as expected. Nothing was written.
   * @throws {MillraceError} `unsupported` on a server that does not offer it; nothing was written.
   */
  async appendToStreams(appends: readonly StreamAppend<Data>[], options: CallOptions = {}): Promise<MultiAppendResult> {
    checkCallOptions(options, "eventstoredb");
    return (await loadMultiAppend()).appendToStreams(this[storeKey], appends, options);
  }

  /**
   * Appends records of several streams atomically and in this order, where every check holds. KurrentDB 26.1 and newer.
   *
   * @throws {AppendConsistencyError} Streams are not as the checks demand. Nothing was written.
   * @throws {MillraceError} `unsupported` on a server that does not offer it; nothing was written.
   */
  async appendRecords(records: readonly NewRecord<Data>[], options: AppendRecordsOptions = {}): Promise<MultiAppendResult> {
    checkCallOptions(options, "eventstoredb", ["checks"]);
    return (await loadMultiAppend()).appendRecords(this[storeKey], records, options);
  }

  /**
   * Reads the events of a stream. Nothing is sent before it is iterated. To go on with new events, see
   * {@link EventStoreDb.subscribeToStream}; a read does not.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated: `StreamNotFoundError` for a stream that
   *   does not exist or was deleted, `StreamDeletedError` for one that was tombstoned.
   */
  readStream(stream: string, options: ReadStreamOptions = {}): Read<Data> {
    checkCallOptions(options, "eventstoredb", ["from", "backwards", "limit", "resolveLinks", "requiresLeader"]);
    const backwards = flag(options.backwards, "options.backwards");
    const from = revision(options.from === undefined ? (backwards ? "end" : "start") : options.from, "options.from", ["start", "end"]);
    const request = { stream: name(stream, "stream"), from, backwards, limit: limit(options.limit, "options.limit"), filter: undefined };
    return openRead(this[storeKey], withLinks(request, options), callOf(options));
  }

  /** Reads the events of all streams in the order in which they were written. Nothing is sent before it is iterated. */
  readAll(options: ReadAllOptions = {}): Read<Data> {
    checkCallOptions(options, "eventstoredb", ["from", "backwards", "limit", "filter", "resolveLinks", "requiresLeader"]);
    const backwards = flag(options.backwards, "options.backwards");
    const from = place(options.from === undefined ? (backwards ? "end" : "start") : options.from, "options.from", ["start", "end"]);
    const request = { stream: undefined, from, backwards, limit: limit(options.limit, "options.limit"), filter: toFilter(options.filter, "options.filter") };
    return openRead(this[storeKey], withLinks(request, options), callOf(options));
  }

  /**
   * Follows a stream: its events past `after`, then new ones as they are written. A stream that does not exist is waited
   * for. Nothing is sent before the first `next()` or `opened`.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated.
   */
  subscribeToStream(stream: string, options: SubscribeToStreamOptions = {}): EventStoreDbSubscription<bigint, Data> {
    checkCallOptions(options, "eventstoredb", ["after", "resolveLinks", "requiresLeader"]);
    const after = revision(options.after === undefined ? "start" : options.after, "options.after", ["start", "end"]);
    const common = withLinks({ stream: name(stream, "stream"), backwards: false, limit: "live", filter: undefined } as const, options);
    const target = {
      place: IN_STREAM,
      request: (past: bigint | undefined): ReadRequest => ({ ...common, from: past ?? "start" }),
      last: (call: CallOptions) => lastRevision(this[storeKey], stream, { ...call, timeoutMs: this[storeKey].connection.connectTimeoutMs }),
    };
    return openSubscription(this[storeKey], target, after === "start" ? undefined : after, callOf(options));
  }

  /**
   * Follows all streams: the events past `after`, then new ones as they are written. Nothing is sent before the first
   * `next()` or `opened`.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated.
   */
  subscribeToAll(options: SubscribeToAllOptions = {}): EventStoreDbSubscription<Position, Data> {
    checkCallOptions(options, "eventstoredb", ["after", "filter", "resolveLinks", "requiresLeader"]);
    const after = place(options.after === undefined ? "start" : options.after, "options.after", ["start", "end"]);
    const common = withLinks({ stream: undefined, backwards: false, limit: "live", filter: toFilter(options.filter, "options.filter") } as const, options);
    const target = {
      place: IN_ALL,
      request: (past: Position | undefined): ReadRequest => ({ ...common, from: past ?? "start" }),
      last: async (call: CallOptions) =>
        (await firstOf(openRead(this[storeKey], LAST_OF_ALL, { ...call, timeoutMs: this[storeKey].connection.connectTimeoutMs })))?.position,
    };
    return openSubscription(this[storeKey], target, after === "start" ? undefined : after, callOf(options));
  }

  /**
   * The revision of a stream's last event, also when that is no longer readable; `undefined` when there is no such stream,
   * or it was deleted.
   *
   * @throws {StreamDeletedError} The stream was tombstoned.
   */
  async streamRevision(stream: string, options: CallOptions = {}): Promise<bigint | undefined> {
    checkCallOptions(options, "eventstoredb");
    return lastRevision(this[storeKey], name(stream, "stream"), options);
  }

  /** The commit position of the last event of all, the system's own included; 0 when there is none. */
  async commitPosition(options: CallOptions = {}): Promise<bigint> {
    checkCallOptions(options, "eventstoredb");
    return (await firstOf(openRead(this[storeKey], LAST_OF_ALL, options)))?.position.commit ?? 0n;
  }

  /**
   * Deletes a stream: it can no longer be read, and its metadata is gone. A later append goes on with its numbers.
   *
   * @throws {WrongExpectedVersionError} It is not as expected, or never existed. Nothing was done.
   */
  async deleteStream(stream: string, options: WriteOptions = {}): Promise<DeleteResult> {
    checkWrite(options);
    const expected = expectedRevision(options.expectedRevision, "options.expectedRevision");
    return (await loadWrites()).remove(this[storeKey], "delete", name(stream, "stream"), expected, options);
  }

  /**
   * Ends a stream for good: it can never be read or written again. There is no way back.
   *
   * @throws {WrongExpectedVersionError} It is not as expected. Nothing was done.
   */
  async tombstoneStream(stream: string, options: WriteOptions = {}): Promise<DeleteResult> {
    checkWrite(options);
    const expected = expectedRevision(options.expectedRevision, "options.expectedRevision");
    return (await loadWrites()).remove(this[storeKey], "tombstone", name(stream, "stream"), expected, options);
  }

  /** A stream's metadata, which may be there before the stream. */
  async getStreamMetadata(stream: string, options: CallOptions = {}): Promise<MetadataResult> {
    checkCallOptions(options, "eventstoredb");
    const request = { stream: `$$${name(stream, "stream")}`, from: "end", backwards: true, limit: 1, filter: undefined, resolveLinks: false } as const;
    const { decodeMetadata } = await loadMetadata();
    const last = await found(firstOf(openRead<Uint8Array>({ ...this[storeKey], codec: undefined }, request, options)));
    return last === undefined ? { metadata: {}, revision: undefined } : { metadata: decodeMetadata(last.data), revision: last.revision };
  }

  /**
   * Replaces a stream's metadata; what is left out is gone. To change a part, get it, and expect its revision.
   *
   * @param options `expectedRevision` is that of the metadata, not of the stream's events.
   * @throws {WrongExpectedVersionError} Somebody else has set it meanwhile. Nothing was written.
   */
  async setStreamMetadata(stream: string, metadata: StreamMetadata, options: WriteOptions = {}): Promise<AppendResult> {
    checkWrite(options);
    const expected: ExpectedRevision = expectedRevision(options.expectedRevision, "options.expectedRevision");
    const [{ append, toWireEvents }, { encodeMetadata }] = await Promise.all([loadWrites(), loadMetadata()]);
    const events = toWireEvents([{ type: "$metadata", data: encodeMetadata(metadata), contentType: "application/json" }], undefined);
    return append(this[storeKey], { stream: `$$${name(stream, "stream")}`, expected, events }, options);
  }

  /** Ends all calls and subscriptions with `unavailable`. A carrier that was given stays its maker's. Idempotent. */
  close(): Promise<void> {
    return this[storeKey].connection.close();
  }

  /** As {@link EventStoreDb.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkCodec<Data>(codec: PayloadCodec<Data>): void {
  if (typeof codec !== "object" || codec === null || typeof codec.encode !== "function" || typeof codec.decode !== "function") {
    throw wrong("codec", codec, "must be an object with encode() and decode()");
  }
}

const LAST_OF_ALL: ReadRequest = { stream: undefined, from: "end", backwards: true, limit: 1, filter: undefined, resolveLinks: false };

async function lastRevision(store: Store<unknown>, stream: string, call: CallOptions): Promise<bigint | undefined> {
  const read = openRead(store, { ...LAST_OF_ALL, stream }, call);
  const last = await found(firstOf(read));
  return last?.revision ?? read.lastRevision;
}

/** `undefined` for a stream that is not there. */
async function found<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isMillraceError(error) && error.name === "StreamNotFoundError") return undefined;
    throw error;
  }
}

function checkWrite<Options extends WriteOptions>(options: Options, more: readonly string[] = []): Options {
  checkCallOptions(options, "eventstoredb", ["expectedRevision", "requiresLeader", ...more]);
  flag(options.requiresLeader, "options.requiresLeader");
  return options;
}

function withLinks<Request>(request: Request, options: { resolveLinks?: boolean | undefined }): Request & { resolveLinks: boolean } {
  return { ...request, resolveLinks: flag(options.resolveLinks, "options.resolveLinks") };
}

function callOf({ signal, timeoutMs, headers, requiresLeader }: CallOptions & { requiresLeader?: boolean | undefined }): CallOptions {
  return { signal, timeoutMs, headers: headersOf(headers, flag(requiresLeader, "options.requiresLeader")) };
}

function loadWrites(): Promise<typeof import("./append.js")> {
  return import("./append.js").catch(notLoaded);
}

function loadMultiAppend(): Promise<typeof import("./multi-append.js")> {
  return import("./multi-append.js").catch(notLoaded);
}

function loadMetadata(): Promise<typeof import("./stream-metadata.js")> {
  return import("./stream-metadata.js").catch(notLoaded);
}

/** Writes are apart, because a page that only reads need not load them with itself. */
function notLoaded(cause: unknown): never {
  throw new MillraceError("unavailable", "The code of a write could not be loaded", { system: "eventstoredb", cause });
}
