import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openConnection } from "../carrier/connection.js";
import type { PayloadCodec } from "../core/codec.js";
import { umadbMethods } from "../wire/methods.js";
import { openAppend } from "./append-context.js";
import { askNumber } from "./ask.js";
import { count, optional, text, wrong } from "./check.js";
import { toSource } from "./convert.js";
import { toUmaDbError } from "./errors.js";
import type { AppendOptions, Health, HealthOptions, ReadOptions, SubscribeOptions, UmaDbOptions } from "./options.js";
import { openRead, type Read } from "./read.js";
import { note, type Store } from "./store.js";
import { openSubscription, type UmaDbSubscription } from "./subscribe.js";
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
  readonly #store: Store<Data>;

  /** @throws {MillraceError} `invalid_argument`. Nothing is sent. */
  constructor(options: UmaDbOptions<Data>) {
    const connection = openConnection("umadb", options, { toError: toUmaDbError, optionNames: ["batchSize", "codec"], maxMetadataBytes: MAX_METADATA_BYTES });
    const { batchSize, codec, retry } = options;
    this.#store = { connection, codec: optional(codec, checkCodec), batchSize: optional(batchSize, count, "batchSize"), retry, seen: 0n };
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
    const { append } = await loadAppend();
    const context = openAppend(this.#store, options);
    try {
      const last = await append(context, events, options);
      note(this.#store, last);
      return last;
    } finally {
      context.scope.release();
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
    return openRead(this.#store, query, options);
  }

  /**
   * Follows the events that match `query`, all by default: the stored ones past `after`, then new ones as they are
   * appended. Nothing is sent before the first `next()` or `opened`.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when iterated.
   */
  subscribe(query?: Query, options: SubscribeOptions = {}): UmaDbSubscription<Data> {
    return openSubscription(this.#store, query, options);
  }

  /** The position of the last event; `undefined` when the store is empty. */
  async head(options: CallOptions = {}): Promise<bigint | undefined> {
    const head = await askNumber(this.#store.connection, umadbMethods.head, "", options);
    if (head !== undefined) note(this.#store, head);
    return head;
  }

  /**
   * The position recorded for a tracking source; `undefined` when there is none.
   *
   * @param source At most 255 bytes of UTF-8, as for an append.
   */
  async trackingInfo(source: string, options: CallOptions = {}): Promise<bigint | undefined> {
    return askNumber(this.#store.connection, umadbMethods.trackingInfo, toSource(source, "source"), options);
  }

  /**
   * Asks the server how it is; needs no credentials there.
   *
   * @throws {MillraceError} `not_found` for a service that the server does not have.
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    checkCallOptions(options, "umadb", ["service"]);
    const { service = "", ...call } = options;
    const status = await askNumber(this.#store.connection, umadbMethods.healthCheck, text(service, "options.service"), call);
    return { status: HEALTH[Number(status)] ?? "unknown" };
  }

  /** Ends all calls and subscriptions with `unavailable`. A carrier that was given stays its maker's. Idempotent. */
  close(): Promise<void> {
    return this.#store.connection.close();
  }

  /** As {@link UmaDb.close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Apart, because a page that only reads need not load it with itself. */
function loadAppend(): Promise<typeof import("./append.js")> {
  return import("./append.js").catch((cause: unknown) => {
    throw new MillraceError("unavailable", "The code of append() could not be loaded", { system: "umadb", cause });
  });
}

function checkCodec<Data>(codec: PayloadCodec<Data>): PayloadCodec<Data> {
  if (typeof codec !== "object" || codec === null || typeof codec.encode !== "function" || typeof codec.decode !== "function") {
    throw wrong("codec", codec, "must be an object with encode() and decode()");
  }
  return codec;
}
