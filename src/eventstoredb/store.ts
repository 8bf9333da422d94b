import type { PayloadCodec } from "../core/codec.js";
import type { RetryOptions } from "../core/options.js";
import type { Connection } from "../carrier/connection.js";

/** One store as its client knows it: what reads, writes, subscriptions and facets share. */
export interface Store<Data> {
  readonly connection: Connection;
  readonly codec: PayloadCodec<Data> | undefined;
  /** As the client was given it: subscriptions have other defaults. */
  readonly retry: RetryOptions | false | undefined;
}

/** Where a client keeps its store for the facets over it; the same in every copy of the library. */
export const storeKey: unique symbol = /* @__PURE__ */ Symbol.for("millrace.eventstoredb.store") as never;

/** What facets ask of a client. */
export interface HasStore<Data> {
  /** For this library's own facets. */
  readonly [storeKey]: Store<Data>;
}

/** The store of a client, for a facet over it. */
export function storeOf<Data>(client: HasStore<Data>): Store<Data> {
  return client[storeKey];
}
