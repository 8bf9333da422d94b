import type { RetryOptions } from "../../core/options.js";
import type { JsonFormat, ReadOptions } from "../options.js";
import type { PostgresJs } from "./postgres-executor.js";

/** Options of `MessageDbDirect`. */
export interface MessageDbDirectOptions {
  /** The database, `postgres://user:password@host:port/database`. Exactly one of `url` and `sql` is given. */
  url?: string | URL | undefined;
  /**
   * An instance of postgres.js instead of `url`. It stays its maker's: closing the client does not close it. Its
   * connections need `search_path` to hold `message_store`.
   */
  sql?: PostgresJs | undefined;
  /** The most connections, with `url` only; 10 by default. */
  maxConnections?: number | undefined;
  /** How JSON text becomes values, and values text; `JSON` by default. */
  json?: JsonFormat | undefined;
  /** Milliseconds for a call with its repeats, and for each page of a read; 30 000 by default, `0` means none. */
  timeoutMs?: number | undefined;
  /** Milliseconds until a connection must stand, with `url` only; 10 000 by default. */
  connectTimeoutMs?: number | undefined;
  /** From one question of a subscription to the next while there is nothing new, in milliseconds; 100 by default. */
  pollMs?: number | undefined;
  /** How calls that are safe to repeat are repeated; `false` for not at all. 4 tries by default, pauses of 100 to 5 000 ms. */
  retry?: RetryOptions | false | undefined;
}

/** Options of `MessageDbDirect.read`. */
export interface DirectReadOptions extends ReadOptions {
  /**
   * A query of one's own instead of what the name stands for. It may name `$stream`, `$position`, `$limit`, `$member`
   * and `$size`, which are bound, and gives the columns `id`, `stream_name`, `type`, `position`, `global_position`,
   * `data`, `metadata` and `time`. It runs once, and all its rows are read in its order.
   */
  sql?: string | undefined;
}
