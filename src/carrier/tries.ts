import { isMillraceError, MillraceError, type Applied } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { withRetry } from "../core/retry.js";
import type { Method } from "../wire/methods.js";
import { errorOfTrailers, leavesOpen } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import { HEARTBEAT_MS } from "./carrier-by-fetch.js";
import { carrierByUrl } from "./carrier-by-url.js";
import type { Connection, OwnCarrierOptions } from "./connection.js";
import { resolveHeaders } from "./resolve-headers.js";
import type { Carrier, CarrierResponse } from "./types.js";

/** One call of a client, which may take several tries. */
export interface Plan {
  readonly connection: Connection;
  readonly method: Method;
  /** The encoded request message, or all of them. */
  readonly request: Uint8Array | readonly Uint8Array[];
  readonly callHeaders: CallOptions["headers"];
  /** Ends all tries. */
  readonly signal: AbortSignal;
  /** Milliseconds left for all tries. */
  readonly leftMs?: (() => number) | undefined;
}

/**
 * Runs `once` with the response of each try: again after a passing error of a call that applied nothing, but not for a
 * live stream, whose owner opens it again at its place; and once more with refreshed headers after `unauthenticated`,
 * which is safe always, since such a call was not looked at.
 */
export async function runTries<T>(plan: Plan, once: (response: CarrierResponse) => Promise<T>): Promise<T> {
  const { connection, method, callHeaders, signal, leftMs } = plan;
  let mayRefresh = typeof connection.headers === "function";
  const run = async (refresh = false): Promise<T> => {
    const headers = await resolveHeaders(connection, callHeaders, refresh, signal);
    try {
      return await once(startTry(plan, headers));
    } catch (error) {
      if (!mayRefresh || signal.aborted || !isMillraceError(error, "unauthenticated")) throw error;
      mayRefresh = false;
      return run(true);
    }
  };
  signal.throwIfAborted();
  return withRetry(() => run(), { policy: method.lane !== "live" && connection.retry, signal, leftMs, recognised: method.recognised });
}

/** Hands one try to the carrier. The deadline of a method that is never cancelled is not told to anybody. */
function startTry(plan: Plan, headers: Headers): CarrierResponse {
  const { connection, method, request, signal, leftMs } = plan;
  const { connectTimeoutMs, maxMessageBytes } = connection;
  const { path, kind, lane, cancel } = method;
  const timeoutMs = cancel === "never" ? undefined : leftMs?.();
  try {
    return connection.carrier(ownCarrier).call({ path, kind, lane, cancel, headers, messages: request instanceof Uint8Array ? [request] : request, signal, timeoutMs, connectTimeoutMs, maxMessageBytes });
  } catch (error) {
    throw errorOfCarrier(plan, error);
  }
}

/** A client's own calls have their one message at hand. */
function ownCarrier(options: OwnCarrierOptions): Carrier {
  return carrierByUrl({ ...options, heartbeatMs: HEARTBEAT_MS, collect: ({ messages }) => messages as readonly Uint8Array[] });
}

/** The next chunk of a try, or `undefined` at its proper end; throws what the caller gets to see. */
export async function nextChunk(plan: Plan, { chunks, trailers }: CarrierResponse): Promise<Uint8Array | undefined> {
  let ended: Trailers;
  try {
    const chunk = await chunks.next();
    if (chunk.done !== true) return chunk.value;
    ended = await trailers;
  } catch (error) {
    throw errorOfCarrier(plan, error);
  }
  const { connection, method } = plan;
  if (ended.status !== 0) throw connection.toError(ended, method, leavesOpen(ended.status) ? appliedBy(method, "unknown") : "no", errorOfTrailers);
  return undefined;
}

/**
 * What the caller gets to see when a carrier failed: the reason of the signal if that is aborted (whatever the carrier
 * made of it), else our error with the system's name, and `applied: "no"` where a repeat does no harm.
 */
function errorOfCarrier({ connection: { system }, method, signal }: Plan, cause: unknown): unknown {
  if (signal.aborted) return signal.reason;
  const error = isMillraceError(cause) ? cause : new MillraceError("internal", "The carrier failed", { applied: "unknown", cause });
  const { code, message, reason, retryAfterMs } = error;
  return new MillraceError(code, message, { system, applied: appliedBy(method, error.applied), reason, retryAfterMs, cause: error.cause });
}

/** A call that may be repeated without harm has applied nothing that matters. */
export function appliedBy({ repeatable }: Method, carrierSays: Applied): Applied {
  return repeatable ? "no" : carrierSays;
}
