import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals, startTimer, type LinkedSignal } from "../core/signal.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import type { Connection } from "./connection.js";
import { nextChunk, runTries, startTry, type Plan } from "./tries.js";
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
  checkCallOptions(options, connection.system);
  const live = method.lane === "live";
  const timeoutMs = options.timeoutMs ?? (live ? 0 : connection.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const scope = linkSignals(options.signal, connection.closed);
  const plan: Plan = { connection, method, request, callHeaders: options.headers, signal: scope.signal, repeat: method.repeatable && !live };
  return new Stream(plan, scope, timeoutMs);
}

class Stream implements OpenStream {
  readonly headers: Promise<Headers>;
  readonly #plan: Plan;
  readonly #scope: LinkedSignal;
  readonly #timeoutMs: number;
  #settleHeaders!: { resolve(headers: Headers | Promise<Headers>): void; reject(error: unknown): void };
  #response: CarrierResponse | undefined;
  /** The first chunk, while nobody has taken it. */
  #first: Promise<Chunk> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(plan: Plan, scope: LinkedSignal, timeoutMs: number) {
    this.#plan = plan;
    this.#scope = scope;
    this.#timeoutMs = timeoutMs;
    this.headers = new Promise((resolve, reject) => { this.#settleHeaders = { resolve, reject }; });
    this.headers.catch(() => {});
    this.#first = this.#timed(() => this.#open());
    this.#first.catch((error: unknown) => this.#end(error));
  }

  next(): Promise<Chunk> {
    const chunk = this.#turn.then(() => this.#take());
    this.#turn = chunk.catch(() => {});
    return chunk;
  }

  async return(): Promise<Chunk> {
    this.#over = true;
    this.#end(new MillraceError("unavailable", "The call was left", { system: this.#plan.connection.system }));
    return DONE;
  }

  async #take(): Promise<Chunk> {
    if (this.#over) return DONE;
    try {
      this.#plan.signal.throwIfAborted();
      const chunk = await this.#nextChunk();
      if (this.#over) return DONE;
      if (chunk.done === true) this.#finish();
      return chunk;
    } catch (error) {
      if (this.#over) return DONE;
      this.#finish();
      throw error;
    }
  }

  #nextChunk(): Promise<Chunk> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#timed(() => this.#read(this.#response as CarrierResponse));
  }

  async #open(): Promise<Chunk> {
    this.#plan.signal.throwIfAborted();
    return runTries(this.#plan, (headers) => this.#once(headers));
  }

  async #once(headers: Headers): Promise<Chunk> {
    const response = startTry(this.#plan, headers);
    this.#response = response;
    if (this.#plan.method.lane === "live") this.#succeedEarly(response);
    const first = await this.#read(response);
    this.#settleHeaders.resolve(response.headers);
    return first;
  }

  /** The headers of a live stream count before its first chunk, unless the server ended the call with them. */
  #succeedEarly(response: CarrierResponse): void {
    let ended = false;
    const end = (): void => { ended = true; };
    response.trailers.then(end, end);
    response.headers.then((headers) => { if (!ended) this.#settleHeaders.resolve(headers); }, end);
  }

  async #read(response: CarrierResponse): Promise<Chunk> {
    const value = await nextChunk(this.#plan, response);
    return value === undefined ? DONE : { done: false, value };
  }

  async #timed(wait: () => Promise<Chunk>): Promise<Chunk> {
    const stop = startTimer(this.#timeoutMs, () => this.#scope.abort(this.#timeout()));
    try {
      return await wait();
    } finally {
      stop();
    }
  }

  #timeout(): MillraceError {
    const { connection, method } = this.#plan;
    return new MillraceError("timeout", `${method.path} sent nothing for ${this.#timeoutMs} ms`, { system: connection.system });
  }

  #finish(): void {
    this.#over = true;
    this.#scope.release();
  }

  /** Ends it with `reason`; what is pending rejects with that. */
  #end(reason: unknown): void {
    this.#scope.abort(reason);
    this.#settleHeaders.reject(reason);
  }
}
