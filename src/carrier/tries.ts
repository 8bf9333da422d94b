import { isMillraceError, MillraceError, type Applied } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { withRetry } from "../core/retry.js";
import type { Method } from "../wire/methods.js";
import { leavesOpen } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import type { Connection } from "./connection.js";
import { resolveHeaders } from "./headers.js";
import type { CarrierResponse } from "./types.js";

/** One call of a client, which may take several tries. */
export interface Plan {
  readonly connection: Connection;
  readonly method: Method;
  /** The encoded request message. */
  readonly request: Uint8Array;
  readonly callHeaders: CallOptions["headers"];
  /** Ends all tries. */
  readonly signal: AbortSignal;
  /** Whether tries are repeated at all; `connection.retry` says how. */
  readonly repeat: boolean;
  /** Milliseconds left for all tries. */
  readonly leftMs?: (() => number) | undefined;
}

/**
 * Runs `once` with the headers of each try: again after a passing error where that is safe, and once more with
 * refreshed headers after `unauthenticated`, which is safe always, since such a call was not looked at.
 */
export function runTries<T>(plan: Plan, once: (headers: Headers) => Promise<T>): Promise<T> {
  const { connection, callHeaders, signal, leftMs } = plan;
  const sources = { own: connection.headers, call: callHeaders, system: connection.system };
  let mayRefresh = typeof connection.headers === "function";
  const run = async (): Promise<T> => {
    const headers = await resolveHeaders(sources, false, signal);
    try {
      return await once(headers);
    } catch (error) {
      if (!mayRefresh || signal.aborted || !isMillraceError(error, "unauthenticated")) throw error;
      mayRefresh = false;
      return once(await resolveHeaders(sources, true, signal));
    }
  };
  return withRetry(run, { policy: plan.repeat ? connection.retry : false, signal, leftMs });
}

/** Hands one try to the carrier. The deadline of a method that is never cancelled is not told to anybody. */
export function startTry(plan: Plan, headers: Headers): CarrierResponse {
  const { connection, method, request, signal, leftMs } = plan;
  const { path, kind, lane, cancel } = method;
  const { connectTimeoutMs, maxMessageBytes } = connection;
  const timeoutMs = cancel === "never" ? undefined : leftMs?.();
  try {
    return connection.carrier.call({ path, kind, lane, cancel, headers, messages: [request], signal, timeoutMs, connectTimeoutMs, maxMessageBytes });
  } catch (error) {
    throw errorOfCarrier(plan, error);
  }
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
  if (ended.status !== 0) throw errorOfStatus(plan, ended);
  return undefined;
}

/** The system's error for a call that its server ended with a status other than 0. */
function errorOfStatus({ connection, method }: Plan, trailers: Trailers): MillraceError {
  const open = !method.repeatable && leavesOpen(trailers.status);
  return connection.toError(trailers, method, open ? "unknown" : "no");
}

/**
 * What the caller gets to see when a carrier failed: the reason of the signal if that is aborted (whatever the carrier
 * made of it), else our error with the system's name, and `applied: "no"` where a repeat does no harm.
 */
export function errorOfCarrier({ connection, method, signal }: Plan, error: unknown): unknown {
  if (signal.aborted) return signal.reason;
  const { system } = connection;
  if (!isMillraceError(error)) {
    return new MillraceError("internal", "The carrier failed", { system, applied: appliedBy(method, "unknown"), cause: error });
  }
  const { code, message, reason, retryAfterMs, cause } = error;
  return new MillraceError(code, message, { system, applied: appliedBy(method, error.applied), reason, retryAfterMs, cause });
}

/** A call that may be repeated without harm has applied nothing that matters. */
export function appliedBy(method: Method, carrierSays: Applied): Applied {
  return method.repeatable ? "no" : carrierSays;
}
