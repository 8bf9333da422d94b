import type { PayloadCodec } from "../core/codec.js";
import type { RetryOptions } from "../core/options.js";
import type { Connection } from "../carrier/connection.js";

/** One store as its client knows it: what reads, subscriptions and appends share. */
export interface Store<Data> {
  readonly connection: Connection;
  readonly codec: PayloadCodec<Data> | undefined;
  /** The most events in a batch, where a call does not say; the server's own by default. */
  readonly batchSize: number | undefined;
  /** As the client was given it: subscriptions have other defaults. */
  readonly retry: RetryOptions | false | undefined;
  /** The highest position that is known to exist. */
  seen: bigint;
}

/** Notes that `position` exists. */
export function note(store: { seen: bigint }, position: bigint): void {
  if (position > store.seen) store.seen = position;
}
