import { MillraceError } from "../core/errors.js";
import { iterations } from "../core/iterations.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { openStream, type OpenStream } from "../carrier/invoke.js";
import { umadbMethods } from "../wire/methods.js";
import type { ReadRequest } from "../../gen/static/umadb/v1/umadb.js";
import { count, optional, position, wrong } from "./check.js";
import { encodeRead } from "./codec-request.js";
import { toWireQuery } from "./convert.js";
import { readMessages, type MessageReader } from "./messages.js";
import type { ReadOptions } from "./options.js";
import { note, type Store } from "./store.js";
import type { Query, ReceivedEvent, SequencedEvent } from "./types.js";
import type { ReceivedBatch } from "./views.js";

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

/**
 * {@link Read} over one call.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments; nothing is sent.
 */
export function openRead<Data>(store: Store<Data>, query: Query | undefined, options: ReadOptions): Read<Data> {
  checkCallOptions(options, "umadb", ["start", "backwards", "limit", "batchSize"]);
  const { start, backwards, limit, batchSize, ...call } = options;
  const { signal } = call;
  if (backwards !== undefined && typeof backwards !== "boolean") throw wrong("options.backwards", backwards, "must be true or false");
  const request: ReadRequest = {
    query: toWireQuery(query, "query"),
    start: optional(start, position, "options.start"),
    backwards,
    limit: optional(limit, count, "options.limit"),
    batchSize: optional(batchSize, count, "options.batchSize") ?? store.batchSize,
  };
  const bytes = encodeRead(request);
  let stream: OpenStream | undefined;
  let reader: MessageReader<Data> | undefined;
  let iterate: ReturnType<typeof iterations> | undefined;
  let batch: ReceivedEvent<Data>[] = [];
  let at = 0;
  /** What `receive()` says for good, once the call has ended. */
  let ended: Promise<boolean> | undefined;
  /** Whether the iteration has ended. */
  let over = false;
  let messages = 0;
  /** Of the messages handed out. */
  let head: bigint | undefined;
  let last: bigint | undefined;

  const begin = (): MessageReader<Data> => {
    stream ??= openStream(store.connection, umadbMethods.read, bytes, call);
    return (reader ??= readMessages(stream, store.codec));
  };

  const end = (how: Promise<boolean>): void => {
    how.catch(() => {});
    ended ??= how;
  };

  const leave = (): void => {
    over = true;
    end(Promise.reject(unavailable("The read was left before its head came")));
    reader?.leave();
  };

  /** Waits for more messages; false when there are none, which rejects when the call was left or failed. */
  const receive = async (): Promise<boolean> => {
    if (ended === undefined) {
      try {
        const count = await begin().receive();
        messages += count;
        if (count > 0) return true;
        end(Promise.resolve(false));
      } catch (error) {
        end(Promise.reject(error as Error));
      }
    }
    return ended as unknown as Promise<boolean>;
  };

  /** A server that shuts down ends its reads with status OK; these are the cases in which that can be told. */
  const isCutShort = (): boolean => {
    if (limit === 0 || messages === 0) return limit !== 0;
    if (limit !== undefined || backwards === true || (query !== undefined && query.items.length > 0)) return false;
    return (last ?? (start ?? 1n) - 1n) < (head ?? 0n);
  };

  const hand = (message: ReceivedBatch<Data>): ReceivedEvent<Data>[] => {
    if (message.head !== undefined) note(store, (head = message.head));
    last = message.events.at(-1)?.position ?? last;
    return message.events;
  };

  const nextBatch = async (): Promise<ReceivedEvent<Data>[] | undefined> => {
    try {
      while (!over) {
        signal?.throwIfAborted();
        const message = begin().held.shift();
        if (message !== undefined) {
          const events = hand(message);
          if (events.length > 0) return events;
        } else if (!(await receive())) {
          if (isCutShort()) throw cutShort();
          over = true;
        }
      }
    } catch (error) {
      if (over) return undefined;
      leave();
      throw error;
    }
    return undefined;
  };

  const nextEvent = async (): Promise<ReceivedEvent<Data> | undefined> => {
    batch = (await nextBatch()) ?? [];
    at = 0;
    return batch[at++];
  };

  const once = (): ReturnType<typeof iterations> => {
    if (iterate !== undefined) throw new MillraceError("invalid_argument", "A read can be iterated once", { system: "umadb" });
    return (iterate = iterations());
  };

  const each = <T>(map: (event: ReceivedEvent<Data>) => T): AsyncIterableIterator<T, undefined> =>
    once()(
      () => (at < batch.length && !over && signal?.aborted !== true
        ? map(batch[at++] as ReceivedEvent<Data>)
        : nextEvent().then((event) => event && map(event))),
      leave,
    );

  return {
    [Symbol.asyncIterator]: () => each((event) => event),
    batches: () => once()(nextBatch, leave),
    toObjects: () => each((event) => event.toObject()),
    async toArray() {
      const events: ReceivedEvent<Data>[] = [];
      for await (const some of this.batches()) for (const event of some) events.push(event);
      return events;
    },
    async head() {
      for (;;) {
        const known = head ?? begin().held.find((message) => message.head !== undefined)?.head;
        if (known !== undefined) return known;
        if (await receive()) continue;
        if (messages === 0 && limit !== 0) throw cutShort();
        return undefined;
      }
    },
    get headers() {
      begin();
      return (stream as OpenStream).headers;
    },
  };
}

function cutShort(): MillraceError {
  return unavailable("The server ended the read before its head");
}

function unavailable(message: string): MillraceError {
  return new MillraceError("unavailable", message, { system: "umadb" });
}
