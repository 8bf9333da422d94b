import { deferred, type Deferred } from "../core/deferred.js";
import { MillraceError } from "../core/errors.js";
import type { Trailers } from "../wire/trailers.js";
import type { CarrierResponse } from "./types.js";

type Chunk = IteratorResult<Uint8Array, undefined>;

const DONE = { done: true, value: undefined } as const;

/** What a {@link ResponseFeed} asks of the carrier that fills it. */
export interface ResponseSource {
  /** Somebody waits for a chunk and none is held: bring more. Called again only after something was brought. */
  pull(): void;
  /** The response is over for its consumer, who left it early: free the request. */
  leave(reason: MillraceError): void;
}

/**
 * One call's answer while a carrier fills it: the three parts that the consumer sees, kept consistent. Holds the chunks
 * that nobody has taken yet.
 */
export class ResponseFeed {
  /** For the consumer. */
  readonly response: CarrierResponse;
  readonly #source: ResponseSource;
  readonly #headers = deferred<Headers>();
  readonly #trailers = deferred<Trailers>();
  #chunks: Uint8Array[] = [];
  readonly #waiting: Deferred<Chunk>[] = [];
  /** Answers a `next()` for which there is no chunk any more. */
  #end: ((next: Deferred<Chunk>) => void) | undefined;
  #ended: Trailers | undefined;

  constructor(source: ResponseSource) {
    this.#source = source;
    this.response = {
      headers: this.#headers.promise,
      trailers: this.#trailers.promise,
      chunks: { next: () => this.#next(), return: () => this.#return() },
    };
  }

  /** Whether nothing more can be brought. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  headers(headers: Headers): void {
    this.#headers.resolve(headers);
  }

  /** Brings chunks, in order. */
  deliver(chunks: readonly Uint8Array[]): void {
    if (this.over) return;
    this.#chunks.push(...chunks);
    this.#serve();
  }

  /** The server ended the call. */
  finish(trailers: Trailers): void {
    if (this.over) return;
    this.#end = done;
    this.#ended = trailers;
    this.#serve();
  }

  /** The call failed: what was brought before can still be taken. */
  fail(error: unknown): void {
    this.#close(error, (next) => next.reject(error));
  }

  /** The call is ended by its caller: like {@link fail}, but nothing more can be taken. */
  abort(error: unknown): void {
    if (!this.over) this.#chunks = [];
    this.fail(error);
  }

  #close(error: unknown, end: (next: Deferred<Chunk>) => void): void {
    if (this.over) return;
    this.#end = end;
    this.#headers.reject(error);
    this.#trailers.reject(error);
    this.#serve();
  }

  #next(): Promise<Chunk> {
    const next = deferred<Chunk>();
    this.#waiting.push(next);
    this.#serve();
    return next.promise;
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const value = this.#chunks.shift();
      if (value !== undefined) next.resolve({ done: false, value });
      else if (this.#end !== undefined) this.#end(next);
      else return this.#source.pull();
      this.#waiting.shift();
    }
    if (this.#ended !== undefined && this.#chunks.length === 0) this.#trailers.resolve(this.#ended);
  }

  async #return(): Promise<Chunk> {
    const early = !this.over;
    const left = new MillraceError("unavailable", "The call was left", { applied: "unknown" });
    this.#chunks = [];
    this.#close(left, done);
    this.#end = done;
    if (early) this.#source.leave(left);
    return DONE;
  }
}

function done(next: Deferred<Chunk>): void {
  next.resolve(DONE);
}
