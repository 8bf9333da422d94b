import { MillraceError } from "../core/errors.js";
import { iterations } from "../core/iterations.js";
import type { CallOptions } from "../core/options.js";
import { openStream, type OpenStream } from "../carrier/invoke.js";
import { eventstoredbMethods } from "../wire/methods.js";
import { encodeRead, type ReadRequest } from "./encode-read.js";
import { StreamNotFoundError } from "./errors.js";
import type { Store } from "./store.js";
import type { ReceivedEvent, RecordedEvent } from "./types.js";
import { readMessages } from "./views.js";

/**
 * A read that ends: iterate it by event, by batch, or collect it, once. Nothing is sent before that, or before `headers`
 * is asked for. Leaving a loop early cancels the request.
 */
export interface Read<Data = Uint8Array> extends AsyncIterable<ReceivedEvent<Data>> {
  /** Events in the batches in which they arrive, which is the fastest way to take them. */
  batches(): AsyncIterableIterator<ReceivedEvent<Data>[], undefined>;
  /** All events at once; mind their number. */
  toArray(): Promise<ReceivedEvent<Data>[]>;
  /** Plain copies, one by one. */
  toObjects(): AsyncIterableIterator<RecordedEvent<Data>, undefined>;
  /**
   * Of a stream: the revision of its last event, also where that is no longer readable. `undefined` before the read has
   * come to its end, for a read of all streams, and where the server does not say.
   */
  readonly lastRevision: bigint | undefined;
  /** The response's metadata; starts the read if need be. */
  readonly headers: Promise<Headers>;
}

/** {@link Read} over one call. What cannot have an answer, and what servers never answer, is answered here: with nothing. */
export function openRead<Data>(store: Store<Data>, request: ReadRequest, call: CallOptions): Read<Data> {
  const { from, backwards, limit, stream: name } = request;
  const nothing = limit === 0 || (from === "end" && !backwards);
  const { signal } = call;
  let stream: OpenStream | undefined;
  let iterate: ReturnType<typeof iterations> | undefined;
  let batch: ReceivedEvent<Data>[] = [];
  let at = 0;
  let over = nothing;
  let lastRevision: bigint | undefined;

  const begin = (): OpenStream => (stream ??= openStream(store.connection, eventstoredbMethods.read, encodeRead(request), call));

  const leave = (): void => {
    over = true;
    void stream?.return();
  };

  const eventsOf = (chunk: Uint8Array): ReceivedEvent<Data>[] => {
    const events: ReceivedEvent<Data>[] = [];
    for (const message of readMessages(chunk, store.codec)) {
      if (message.kind === "event") events.push(message);
      else if (message.kind === "stream-not-found") throw new StreamNotFoundError(name ?? message.stream);
      else if (message.kind === "last-stream-position") lastRevision = message.revision;
    }
    return events;
  };

  const nextBatch = async (): Promise<ReceivedEvent<Data>[] | undefined> => {
    try {
      while (!over) {
        signal?.throwIfAborted();
        const { done, value } = await begin().next();
        if (done === true) over = true;
        else {
          const events = eventsOf(value);
          if (events.length > 0) return events;
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
    if (iterate !== undefined) throw new MillraceError("invalid_argument", "A read can be iterated once", { system: "eventstoredb" });
    return (iterate = iterations());
  };

  let left = false;
  const stop = (): void => {
    left = true;
    leave();
  };

  const each = <T>(map: (event: ReceivedEvent<Data>) => T): AsyncIterableIterator<T, undefined> =>
    once()(
      // The call may be over while events of its last chunk are still to be taken.
      () => (at < batch.length && !left && signal?.aborted !== true
        ? map(batch[at++] as ReceivedEvent<Data>)
        : nextEvent().then((event) => event && map(event))),
      stop,
    );

  return {
    [Symbol.asyncIterator]: () => each((event) => event),
    batches: () => once()(nextBatch, stop),
    toObjects: () => each((event) => event.toObject()),
    async toArray() {
      const events: ReceivedEvent<Data>[] = [];
      for await (const some of this.batches()) for (const event of some) events.push(event);
      return events;
    },
    get lastRevision() { return lastRevision; },
    get headers() { return nothing ? Promise.resolve(new Headers()) : begin().headers; },
  };
}

/** The first event of a read, and with it its end. */
export async function firstOf<Data>(read: Read<Data>): Promise<ReceivedEvent<Data> | undefined> {
  return (await read.toArray())[0];
}
