/** What a query answers: each value as PostgreSQL's text, in the columns' order. */
export interface SqlResult {
  /** The columns' names, in their order. */
  readonly columns: readonly string[];
  /** The rows; `null` stands for SQL's NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/**
 * Runs one SQL statement on a connection whose `search_path` holds `message_store`. A driver implements it; what it
 * rejects with is the driver's own error, with the SQLSTATE in `code`.
 */
export interface SqlExecutor {
  /**
   * @param text Its parameters are `$1`, `$2`, … and its result columns are all of type `text`.
   * @param parameters Sent as text, each cast in the statement itself (`$1::text::bigint`), so that no driver encodes them.
   * @param signal Asks the server to stop and rejects with its reason at once; whether a write was applied is open then.
   */
  query(text: string, parameters: readonly (string | null)[], signal?: AbortSignal): Promise<SqlResult>;
  /** As `query`, for the one row of what is only passed on: the bytes of its values, where the driver has them as they came. */
  bytes?(text: string, parameters: readonly (string | null)[], signal?: AbortSignal): Promise<readonly (Uint8Array | null)[]>;
}
