import { MillraceError } from "../core/errors.js";
import type { PayloadCodec } from "../core/codec.js";
import type { OpenStream } from "../carrier/invoke.js";
import type { ReadRequest, ReadResponse } from "../../gen/static/umadb/v1/umadb.js";
import { ByItem } from "./by-item.js";
import { MessageReader } from "./messages.js";
import { fromWireEvent } from "./received.js";
import type { ReceivedEvent, SequencedEvent } from "./types.js";

/**
 * A read that ends: iterate it by event, by batch, or collect it, once. Nothing is sent before that, or before `head()`
 * or `headers` is asked for. Leaving a loop early cancels the request.
 *
 * Events that are appended while it runs do not appear. A server that shuts down may end a read early without an
 * error; only a forwards read of everything is known to be complete.
 */
export interface Read<Data = Uint8Array> extends AsyncIterable<ReceivedEvent<Data>> {
  /** Events in the batches in which the server sends them, which is the fastest way to take them. */
  batches(): AsyncIterableIterator<ReceivedEvent<Data>[], undefined>;
  /** All events at once; mind their number. */
  toArray(): Promise<ReceivedEvent<Data>[]>;
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<SequencedEvent<Data>, undefined>;
  /**
   * The store's last position at the time of the read, also when no event matches; `undefined` for an empty store. This
   * is the `after` of a condition that rests on what was read.
   *
   * **With a `limit`** it is the position of the last event of the batch that was taken last (or is to be taken first),
   * `undefined` when none matches: no base for a condition then.
   *
   * May be asked before, during and after the iteration; starts the read, and waits for its first message, if need be.
   *
   * @throws {MillraceError} `unavailable` when the read was left before its head came; the read's own error if it failed.
   */
  head(): Promise<bigint | undefined>;
  /** The response's metadata; starts the read if need be. */
  readonly headers: Promise<Headers>;
}

/** What a read needs of its client. */
export interface ReadContext<Data> {
  readonly request: ReadRequest;
  readonly codec: PayloadCodec<Data> | undefined;
  readonly signal: AbortSignal | undefined;
  open(): OpenStream;
  /** Told of each position that is known to exist. */
  seen(position: bigint): void;
}

const DONE = { done: true, value: undefined } as const;

/** {@link Read} over one call. */
export class StreamRead<Data> implements Read<Data> {
  readonly #context: ReadContext<Data>;
  #stream: OpenStream | undefined;
  #reader: MessageReader | undefined;
  #iterated = false;
  /** How the call ended, once it has. */
  #ended: "whole" | "left" | { readonly error: unknown } | undefined;
  /** Whether the iteration has told its end. */
  #told = false;
  #messages = 0;
  /** Of the messages handed out. */
  #head: bigint | undefined;
  #last: bigint | undefined;

  constructor(context: ReadContext<Data>) {
    this.#context = context;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedEvent<Data>, undefined> {
    return new ByItem(this.batches(), this.#context.signal);
  }

  batches(): AsyncIterableIterator<ReceivedEvent<Data>[], undefined> {
    if (this.#iterated) throw new MillraceError("invalid_argument", "A read can be iterated once; read again for another look", { system: "umadb" });
    this.#iterated = true;
    return {
      [Symbol.asyncIterator]() { return this; },
      next: () => this.#next(),
      return: async () => {
        this.#leave();
        return DONE;
      },
    };
  }

  async toArray(): Promise<ReceivedEvent<Data>[]> {
    const events: ReceivedEvent<Data>[] = [];
    for await (const batch of this.batches()) for (const event of batch) events.push(event);
    return events;
  }

  toObjects(): AsyncIterableIterator<SequencedEvent<Data>, undefined> {
    return copies(this[Symbol.asyncIterator]());
  }

  async head(): Promise<bigint | undefined> {
    const reader = this.#start();
    for (;;) {
      const head = this.#head ?? reader.held.find((message) => message.head !== undefined)?.head;
      if (head !== undefined) return head;
      if (this.#ended === "left") throw unavailable("The read was left before its head came");
      if (typeof this.#ended === "object") throw this.#ended.error;
      if (this.#ended === undefined && (await this.#receive(reader))) continue;
      if (this.#messages === 0 && this.#context.request.limit !== 0) throw cutShort();
      return undefined;
    }
  }

  get headers(): Promise<Headers> {
    this.#start();
    return (this.#stream as OpenStream).headers;
  }

  #start(): MessageReader {
    this.#stream ??= this.#context.open();
    return (this.#reader ??= new MessageReader(this.#stream));
  }

  async #next(): Promise<IteratorResult<ReceivedEvent<Data>[], undefined>> {
    const reader = this.#start();
    const { signal } = this.#context;
    try {
      while (!this.#told) {
        if (signal?.aborted === true) throw signal.reason;
        const message = reader.held.shift();
        const batch = message === undefined ? undefined : this.#hand(message);
        if (batch !== undefined && batch.length > 0) return { done: false, value: batch };
        if (batch === undefined && (this.#ended !== undefined || !(await this.#receive(reader)))) this.#end();
      }
    } catch (error) {
      this.#told = true;
      this.#leave();
      throw error;
    }
    return DONE;
  }

  #hand(message: ReadResponse): ReceivedEvent<Data>[] {
    const { codec, seen } = this.#context;
    if (message.head !== undefined) seen((this.#head = message.head));
    this.#last = message.events.at(-1)?.position ?? this.#last;
    return message.events.map((event) => fromWireEvent(event, codec));
  }

  async #receive(reader: MessageReader): Promise<boolean> {
    try {
      const before = reader.held.length;
      const more = await reader.receive();
      this.#messages += reader.held.length - before;
      if (!more) this.#ended ??= "whole";
      return more;
    } catch (error) {
      this.#ended ??= { error };
      throw error;
    }
  }

  /** The iteration's end: as the call's. */
  #end(): void {
    if (typeof this.#ended === "object") throw this.#ended.error;
    if (this.#ended === "whole" && this.#isCutShort()) throw cutShort();
    this.#told = true;
  }

  /** A server that shuts down ends its reads with status OK; these are the cases in which that can be told. */
  #isCutShort(): boolean {
    const { query, limit, backwards, start } = this.#context.request;
    if (limit === 0) return false;
    if (this.#messages === 0) return true;
    if (limit !== undefined || backwards === true || (query !== undefined && query.items.length > 0)) return false;
    return (this.#last ?? (start ?? 1n) - 1n) < (this.#head ?? 0n);
  }

  #leave(): void {
    this.#ended ??= "left";
    this.#reader?.leave();
  }
}

function cutShort(): MillraceError {
  return unavailable("The server ended the read before its head");
}

function unavailable(message: string): MillraceError {
  return new MillraceError("unavailable", message, { system: "umadb" });
}

/** The plain copy of each item of an iteration. */
export function copies<T>(items: AsyncIterator<{ toObject(): T }>): AsyncIterableIterator<T, undefined> {
  return {
    [Symbol.asyncIterator]() { return this; },
    async next() {
      const item = await items.next();
      return item.done === true ? DONE : { done: false, value: item.value.toObject() };
    },
    async return() {
      await items.return?.();
      return DONE;
    },
  };
}
