import { isMillraceError } from "../core/errors.js";
import { DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { append, type PreparedAppend } from "./append.js";
import type { BatchCall } from "./batch-append.js";
import type { WriteOptions } from "./options.js";
import type { Store } from "./store.js";
import type { AppendResult } from "./types.js";

/** Appends that are under way by calls of their own before further ones share a call: sharing pays for many at once. */
const MOST_ALONE = 2;

/** What a client's appends share. */
interface Appends {
  alone: number;
  batch: BatchCall | undefined;
  /** Whether the carrier, or the server, has refused to have a call shared. */
  refused: boolean;
}

const appendsOf = /* @__PURE__ */ new WeakMap<Store<never>, Appends>();

/**
 * Appends by a call of its own, or where several appends of a client are under way by one that they share. One with
 * headers of its own never shares: a call has one user. What becomes of an append is the same either way.
 */
export async function appendTogether<Data>(store: Store<Data>, prepared: PreparedAppend, options: WriteOptions): Promise<AppendResult> {
  const appends = appendsOf.get(store as Store<never>) ?? { alone: 0, batch: undefined, refused: false };
  appendsOf.set(store as Store<never>, appends);
  const alone = async (left: WriteOptions): Promise<AppendResult> => {
    appends.alone++;
    return append(store, prepared, left).finally(() => { appends.alone--; });
  };
  if (appends.alone < MOST_ALONE || appends.refused || options.headers !== undefined || options.requiresLeader === true) return alone(options);
  const { openBatch, encodeBatch } = await import("./batch-append.js");
  const request = encodeBatch(prepared);
  if (request === undefined) return alone(options);
  const timeoutMs = options.timeoutMs ?? store.connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = performance.now() + timeoutMs;
  if (appends.batch?.open !== true) appends.batch = openBatch(store.connection);
  const { batch } = appends;
  try {
    return await batch.append(request, prepared, { signal: options.signal, timeoutMs });
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    // What the call as a whole came to says nothing of this append, which a call of its own can still make; and it knows
    // when to try again what the server has no time for.
    if (error !== batch.failure && !(error.code === "unavailable" && error.applied === "no")) throw error;
    if (error.code === "unsupported") appends.refused = true;
    if (error.applied !== "no" && store.connection.retry === false || store.connection.closed.reason !== undefined) throw error;
    return alone({ ...options, timeoutMs: timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(endsAt - performance.now())) });
  }
}
