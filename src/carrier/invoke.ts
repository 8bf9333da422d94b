import type { Applied, MillraceError, SystemName } from "../core/errors.js";
import type { CallOptions, HeadersOption, RetryOptions } from "../core/options.js";
import type { Method } from "../wire/methods.js";
import type { Trailers } from "../wire/trailers.js";
import type { Carrier } from "./types.js";

/** Where a client's calls go and how: a client's options with every default filled in. */
export interface Connection {
  readonly system: SystemName;
  readonly carrier: Carrier;
  readonly headers: HeadersOption | undefined;
  /** Milliseconds; `undefined` leaves each kind of call its own default. */
  readonly timeoutMs: number | undefined;
  readonly connectTimeoutMs: number;
  readonly retry: Required<RetryOptions> | false;
  readonly maxMessageBytes: number;
  /** The system's own reading of a status other than 0. */
  readonly toError: (trailers: Trailers, method: Method, applied: Applied) => MillraceError;
}

/** A server stream that was opened: chunks of whole data envelopes, in order. */
export interface OpenStream {
  /** Response metadata of the try that succeeded. */
  readonly headers: Promise<Headers>;
  /** The next chunk; rejects with the system's error when the server ended the call with a status other than 0. */
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  /** Leaves the call and frees the request at once. */
  return(): Promise<IteratorResult<Uint8Array, undefined>>;
}
