/** What {@link HeadersOption} as a function is told. */
export interface HeadersContext {
  /** True when the server answered `unauthenticated`: fetch a fresh token. */
  refresh: boolean;
}

/**
 * Headers sent with each call: a value, or a function that is asked for each call, and once more with
 * `refresh: true` after `unauthenticated`.
 */
export type HeadersOption = HeadersInit | ((context: HeadersContext) => HeadersInit | Promise<HeadersInit>);

/** Options that every call takes. */
export interface CallOptions {
  /** Leaves the call; it rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds; `0` means none. Unary calls: for the whole call, 30 000 by default. Reads: between two chunks,
   * 30 000 by default. Subscriptions: none by default.
   */
  timeoutMs?: number | undefined;
  /** Added to the client's own headers for this call; the same name replaces. */
  headers?: HeadersInit | undefined;
}

/** How often and how fast a call is tried again. */
export interface RetryOptions {
  /** Tries in all, the first included; 4 by default for calls, without limit for subscriptions. */
  attempts?: number | undefined;
  /** The first pause is random between 0 and this many milliseconds; it doubles each time. 100 by default, 250 for subscriptions. */
  baseMs?: number | undefined;
  /** No pause is longer, in milliseconds; 5 000 by default, 30 000 for subscriptions. */
  maxMs?: number | undefined;
}
