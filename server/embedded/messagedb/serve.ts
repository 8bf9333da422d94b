import { MESSAGEDB_PATH } from "millrace/internal/wire/messagedb";
import { answerFetch } from "../../gateway/fetch.js";
import { resolveLimits } from "../../gateway/limits.js";
import { silentLog } from "../../gateway/log.js";
import { MessageDbProxy } from "../../gateway/messagedb/proxy.js";
import { OccasionalWarnings } from "../../gateway/occasional-warnings.js";
import { WaitingBytes } from "../../gateway/waiting-bytes.js";
import type { EmbeddedFetch } from "../fetch.js";
import { openEmbeddedMessageDb, type EmbeddedMessageDb, type EmbeddedMessageDbOptions } from "./store.js";

/** The longest that a subscription goes without asking, in milliseconds: a write wakes it at once. */
const POLL_MS = 1_000;

/** An embedded Message DB behind the gateway's own proxy. */
export interface ServedMessageDb {
  /** Answers what a client sends, and nothing else. */
  readonly fetch: EmbeddedFetch;
  /** Ends subscriptions so that they would resume elsewhere, then closes the database. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves an embedded Message DB as the gateway would, with everything allowed.
 *
 * @param opened One that is open already; by default it is opened with the options.
 */
export async function serveMessageDb(options: EmbeddedMessageDbOptions, opened?: EmbeddedMessageDb): Promise<ServedMessageDb> {
  const database = opened ?? await openEmbeddedMessageDb(options);
  const limits = resolveLimits();
  const proxy = new MessageDbProxy({
    database,
    clock: database.clock,
    pollMs: POLL_MS,
    allowed: { read: true, write: true },
    queries: new Map(),
    shared: true,
    limits,
    waiting: new WaitingBytes(limits),
    // Whoever calls in this process gets the error itself.
    warnings: new OccasionalWarnings(silentLog),
  });
  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      const { method, headers, signal } = request;
      const url = new URL(request.url);
      // A client's own prefix is none of the proxy's business.
      url.pathname = url.pathname.slice(url.pathname.indexOf(MESSAGEDB_PATH));
      const body = method === "POST" ? await request.arrayBuffer() : null;
      return answerFetch((parts, sink) => void proxy.handle(parts, sink, undefined), new Request(url, { method, headers, signal, body }));
    },
    close: () => proxy.close(),
  };
}
