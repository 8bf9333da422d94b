import { checkInteger, checkOptions, MAX_TIMER_MS } from "millrace/internal/core/arguments";
import { wrong } from "millrace/internal/messagedb/check";
import type { ResumeClock } from "millrace/internal/core/subscription";
import type { Limits } from "../limits.js";
import type { OccasionalWarnings } from "../occasional-warnings.js";
import type { WaitingBytes } from "../waiting-bytes.js";
import { postgresDatabase, type Database } from "./database.js";
import { MessageDbProxy } from "./proxy.js";

/** How the gateway reaches Message DB, and who may do what there. */
export interface MessageDbSettings {
  /**
   * The database, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. The user must be the role `message_store` or a member
   * of it: every connection takes that role. Exactly one of `url` and `database` is given.
   */
  url?: string | undefined;
  /** A database that is reached in another way, such as an embedded one. */
  database?: MessageDbDatabase | undefined;
  /** The most connections for calls, with `url`; 10 by default. Subscriptions have 2 of their own. */
  maxConnections?: number | undefined;
  /** How long a statement may run, in milliseconds, with `url`; 10 000 by default. */
  statementTimeoutMs?: number | undefined;
  /** How often the database is asked for what is new, in milliseconds; 100 by default. All subscribers of a category share the answer. */
  pollMs?: number | undefined;
  /**
   * Queries that callers may run by name. SQL of this configuration alone is run; it may name `$stream`, `$position`,
   * `$limit`, `$member` and `$size`, which are bound, and gives the columns of a message. None by default.
   */
  queries?: Readonly<Record<string, string>> | undefined;
  /** What every admitted caller may do; nothing by default, everything with `allowAll`. */
  allow?: { readonly read?: boolean | undefined; readonly write?: boolean | undefined } | undefined;
}

/** A {@link Database} with its own sense of time. */
export interface MessageDbDatabase extends Database {
  /** Its pauses may end early, when something was written; the platform's clock by default. */
  readonly clock?: ResumeClock | undefined;
}

const SETTINGS = ["url", "database", "maxConnections", "statementTimeoutMs", "pollMs", "queries", "allow"] as const satisfies readonly (keyof MessageDbSettings)[];

const MAX_CONNECTIONS = 1_000;

/**
 * Refuses settings of the wrong shape.
 *
 * @param path Their name in the options.
 * @throws {MillraceError} `invalid_argument`, naming the setting; never showing the address, which may hold a password.
 */
export function checkMessageDbSettings(settings: MessageDbSettings, path: string): void {
  checkOptions(path, settings, SETTINGS, `${path}.`);
  const { url, database, maxConnections, statementTimeoutMs, pollMs, queries, allow } = settings;
  if ((url === undefined) === (database === undefined)) throw wrong(`${path}.url`, url, "must be given, or `database`, not both");
  if (url !== undefined && !/^postgres(ql)?:\/\/[^/]/i.test(url)) throw wrong(`${path}.url`, url, "must be a URL such as postgres://message_store@127.0.0.1:5432/message_store");
  if (url !== undefined && !URL.canParse(url)) throw wrong(`${path}.url`, url, "must be a URL: encode what is special in a user's name or password");
  const range = (name: string, value: unknown, max: number): void => { if (value !== undefined) checkInteger(`${path}.${name}`, value, 1, max); };
  range("maxConnections", maxConnections, MAX_CONNECTIONS);
  range("statementTimeoutMs", statementTimeoutMs, MAX_TIMER_MS);
  range("pollMs", pollMs, MAX_TIMER_MS);
  checkOptions(`${path}.allow`, allow ?? {}, ["read", "write"], `${path}.allow.`);
  for (const [name, value] of Object.entries(allow ?? {})) if (typeof value !== "boolean") throw wrong(`${path}.allow.${name}`, value, "must be a boolean");
  if (queries !== undefined && (typeof queries !== "object" || queries === null || Array.isArray(queries))) throw wrong(`${path}.queries`, queries, "must be an object of SQL by name");
  for (const [name, sql] of Object.entries(queries ?? {})) if (typeof sql !== "string" || sql.trim() === "") throw wrong(`${path}.queries.${name}`, sql, "must be SQL");
}

/** What the proxy has of the gateway that it is part of. */
export interface ProxySurroundings {
  readonly allowAll: boolean;
  /** Whether subscribers share loops and connections: not where a request cannot use what another one opened. */
  readonly shared: boolean;
  readonly limits: Limits;
  readonly waiting: WaitingBytes;
  readonly warnings: OccasionalWarnings;
}

/** The proxy of these settings, which are checked. Nothing is connected yet. */
export function openMessageDb(settings: MessageDbSettings, { allowAll, ...surroundings }: ProxySurroundings): MessageDbProxy {
  const { url = "", maxConnections = 10, statementTimeoutMs = 10_000, pollMs = 100, queries = {}, allow = {} } = settings;
  const database: MessageDbDatabase = settings.database ?? postgresDatabase({ url, maxConnections, statementTimeoutMs });
  return new MessageDbProxy({
    ...surroundings,
    database,
    clock: database.clock,
    pollMs,
    queries: new Map(Object.entries(queries)),
    allowed: { read: allowAll || allow.read === true, write: allowAll || allow.write === true },
  });
}
