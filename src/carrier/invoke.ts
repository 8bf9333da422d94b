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

declare const TODO: never;
/** One request, one answer: the payload of the answer. Retries as `method.repeatable` and `connection.retry` allow. */
export function invokeUnary(connection: Connection, method: Method, request: Uint8Array, options: CallOptions): Promise<Uint8Array>;
export function invokeUnary(): never {
  return TODO;
}
