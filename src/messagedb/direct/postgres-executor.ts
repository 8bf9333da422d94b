import { abortable } from "../../core/signal.js";
import type { SqlExecutor } from "../sql-executor.js";

/** What is used of a postgres.js instance; its `Sql` is one, whatever types it was given. */
export interface PostgresJs {
  /** Runs a statement that is given as text. */
  unsafe(text: string, parameters: (string | null)[], options: { prepare: boolean; simple: boolean }): PostgresJsQuery;
}

/** A statement of postgres.js. */
export interface PostgresJsQuery {
  /** Each value as the bytes that PostgreSQL sent, untouched by the instance's own types and transforms. */
  raw(): PromiseLike<PostgresJsRows>;
}

/** What postgres.js answers to {@link PostgresJsQuery.raw}. */
export interface PostgresJsRows extends Iterable<unknown> {
  /** In the order of the values. */
  readonly columns: readonly { readonly name: string }[];
}

/** Statements on postgres.js, and when there are none. */
export interface PostgresExecutor extends SqlExecutor {
  /** Resolves when the statements that are under way have ended, aborted ones too. */
  settled(): Promise<unknown>;
}

/**
 * Statements on postgres.js. An aborted one goes on in the database: telling it to stop would stop whatever its
 * connection is at by then, which may be somebody else's.
 */
export function postgresExecutor(sql: PostgresJs): PostgresExecutor {
  const busy = new Set<PromiseLike<unknown>>();
  const run = async (text: string, parameters: readonly (string | null)[], signal: AbortSignal | undefined): Promise<PostgresJsRows> => {
    signal?.throwIfAborted();
    // Not simple: without parameters postgres.js would else let the server run any number of statements in one text.
    const query = sql.unsafe(text, [...parameters], { prepare: true, simple: false }).raw();
    const ended = (): void => { busy.delete(query); };
    busy.add(query);
    query.then(ended, ended);
    return signal === undefined ? query : abortable(query, signal);
  };
  return {
    settled: () => Promise.allSettled(busy),
    async query(text, parameters, signal) {
      const result = await run(text, parameters, signal);
      return { columns: result.columns.map(({ name }) => name), rows: Array.from(result as Iterable<(Uint8Array | null)[]>, (row) => row.map(textOf)) };
    },
    async bytes(text, parameters, signal) {
      const [row = []] = await run(text, parameters, signal) as Iterable<(Uint8Array | null)[]>;
      return row;
    },
  };
}

function textOf(value: Uint8Array | null): string | null {
  // A Buffer, whose own decoding is the quickest there is.
  return value === null ? null : (value as Buffer).toString();
}
