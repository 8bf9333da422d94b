import { deferred } from "../core/deferred.js";
import { MillraceError } from "../core/errors.js";
import { inTurn } from "../core/in-turn.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals, startTimer } from "../core/signal.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import type { Connection } from "./connection.js";
import { nextChunk, runTries, type Plan } from "./tries.js";
import type { CarrierResponse } from "./types.js";

type Chunk = IteratorResult<Uint8Array, undefined>;

const DONE = { done: true, value: undefined } as const;

/** A server stream that was opened: chunks of whole data envelopes, in order. */
export interface OpenStream {
  /**
   * Response metadata of the try that succeeded: for a read that is known with its first chunk, for a live stream its
   * response headers are the success. Its rejection is marked as handled.
   */
  readonly headers: Promise<Headers>;
  /**
   * The next chunk; rejects with the system's error when the server ended the call with a status other than 0, and with
   * the caller's reason after an abort. After its end or its error there are no more.
   */
  next(): Promise<Chunk>;
  /** Leaves the call and frees the request at once; a pending `next()` is told that there are no more chunks. Idempotent. */
  return(): Promise<Chunk>;
}

/**
 * Opens a server stream; the request is sent at once. Until the first chunk a passing error is repeated as the
 * connection says, but not for a live stream, whose owner opens it again at its place.
 *
 * `options.timeoutMs` is the longest wait for a chunk: 30 000 by default (or the connection's), none for a live stream.
 *
 * @param request The encoded request message.
 * @throws {MillraceError} `invalid_argument` for wrong options, nothing was sent. All else rejects what is returned.
 */
export function openStream(connection: Connection, method: Method, request: Uint8Array, options: CallOptions = {}): OpenStream {
  const { system } = connection;
  checkCallOptions(options, system);
  const live = method.lane === "live";
  const timeoutMs = options.timeoutMs ?? (live ? 0 : connection.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const scope = linkSignals(options.signal, connection.closed);
  const plan: Plan = { connection, method, request, callHeaders: options.headers, signal: scope.signal };
  const headers = deferred<Headers>();
  const turn = inTurn();
  let response: CarrierResponse;
  let over = false;

  const finish = (): void => {
    over = true;
    scope.release();
  };

  /** Ends it with `reason`; what is pending rejects with that. */
  const end = (reason: unknown): void => {
    scope.abort(reason);
    headers.reject(reason);
  };

  const timed = async (wait: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> => {
    const stop = startTimer(timeoutMs, () => scope.abort(new MillraceError("timeout", `${method.path} sent nothing for ${timeoutMs} ms`, { system })));
    return wait().finally(stop);
  };

  const read = (): Promise<Uint8Array | undefined> => nextChunk(plan, response);

  /** The first chunk, while nobody has taken it. */
  let first: Promise<Uint8Array | undefined> | undefined = timed(() => runTries(plan, async (begun) => {
    response = begun;
    if (live) succeedEarly(begun, headers.resolve);
    const chunk = await read();
    headers.resolve(begun.headers);
    return chunk;
  }));
  first.catch(end);

  const take = async (): Promise<Chunk> => {
    const opening = first;
    first = undefined;
    try {
      if (over) return DONE;
      scope.signal.throwIfAborted();
      const value = await (opening ?? timed(read));
      if (value !== undefined && !over) return { done: false, value };
    } catch (error) {
      if (!over) {
        finish();
        throw error;
      }
    }
    finish();
    return DONE;
  };

  return {
    headers: headers.promise,
    next: () => turn(take),
    async return() {
      over = true;
      end(new MillraceError("unavailable", "The call was left", { system }));
      return DONE;
    },
  };
}

/** The headers of a live stream count before its first chunk, unless the server ended the call with them. */
function succeedEarly({ headers, trailers }: CarrierResponse, succeed: (headers: Headers) => void): void {
  let ended = false;
  const end = (): void => { ended = true; };
  trailers.then(end, end);
  headers.then((came) => { if (!ended) succeed(came); }, end);
}
