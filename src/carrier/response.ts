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
  leave(): void;
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
  readonly #waiting: { resolve(chunk: Chunk): void; reject(error: unknown): void }[] = [];
  #end: { readonly trailers: Trailers } | { readonly error: unknown } | undefined;
  #left = false;

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
    this.#end = { trailers };
    this.#serve();
  }

  /** The call failed: what was brought before can still be taken. */
  fail(error: unknown): void {
    if (this.over) return;
    this.#end = { error };
    this.#headers.reject(error);
    this.#trailers.reject(error);
    this.#serve();
  }

  /** The call is ended by its caller: like {@link fail}, but nothing more can be taken. */
  abort(error: unknown): void {
    this.#chunks = [];
    this.fail(error);
  }

  #next(): Promise<Chunk> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#waiting.length > 0 && (this.#chunks.length > 0 || this.over)) this.#serveOne();
    if (this.#end !== undefined && "trailers" in this.#end && this.#chunks.length === 0) this.#trailers.resolve(this.#end.trailers);
    if (this.#waiting.length > 0) this.#source.pull();
  }

  #serveOne(): void {
    const waiting = this.#waiting.shift();
    const value = this.#chunks.shift();
    if (value !== undefined) waiting?.resolve({ done: false, value });
    else if (this.#end !== undefined && "error" in this.#end && !this.#left) waiting?.reject(this.#end.error);
    else waiting?.resolve(DONE);
  }

  async #return(): Promise<Chunk> {
    if (this.#left) return DONE;
    this.#left = true;
    const early = !this.over;
    this.abort(new MillraceError("unavailable", "The call was left before its end", { applied: "unknown" }));
    this.#chunks = [];
    if (early) this.#source.leave();
    return DONE;
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A promise settled from outside, whose rejection nobody needs to handle. */
function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, "promise"> | undefined;
  const promise = new Promise<T>((resolve, reject) => { settle = { resolve, reject }; });
  promise.catch(() => {});
  return { promise, ...(settle as Omit<Deferred<T>, "promise">) };
}
