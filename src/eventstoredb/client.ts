import type { PayloadCodec } from "../core/codec.js";
import { asyncDispose } from "../core/dispose.js";
import { invalidArgument } from "../core/arguments.js";
import { openConnection, type ConnectionOptions } from "../carrier/connection.js";
import { toEventStoreDbError } from "./errors.js";
import { storeKey, type HasStore, type Store } from "./store.js";

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
    throw invalidArgument("codec", codec, "must be an object with encode() and decode()", "eventstoredb");
  }
}
