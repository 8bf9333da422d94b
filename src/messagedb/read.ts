import { MillraceError } from "../core/errors.js";
import { iterations } from "../core/iterations.js";
import { linkSignals } from "../core/signal.js";
import type { MessageRow } from "../wire/message-row.js";
import type { JsonFormat } from "./options.js";
import { toMessage } from "./rows.js";
import type { MessageSource, ReadRange } from "./source.js";
import type { Read } from "./store.js";
import type { Message } from "./types.js";

/** The most messages that are asked for at once. */
export const PAGE_SIZE = 1_000;

/** At most `limit` messages from `start` on, inclusive, in ascending order. */
export type ReadPage = (source: MessageSource, start: bigint, limit: number, signal: AbortSignal) => Promise<readonly MessageRow[]>;

/** Where a reader of a source goes on after a message. */
export function positionIn(source: MessageSource, message: Message): bigint {
  return source.kind === "stream" ? message.position : message.globalPosition;
}

/** {@link Read} page by page. A page that is not full is the last. */
export function openRead<Data>(range: ReadRange, page: ReadPage, json: JsonFormat, signal?: AbortSignal): Read<Data> {
  const { source, once: single = false } = range;
  let { start, limit } = range;
  let iterate: ReturnType<typeof iterations> | undefined;
  let held: Message<Data>[] = [];
  let at = 0;
  const scope = linkSignals(signal);

  const leave = (): void => {
    limit = 0;
    held = [];
    scope.abort(new MillraceError("unavailable", "The read was left", { system: "messagedb" }));
  };

  const nextPage = async (): Promise<Message<Data>[] | undefined> => {
    signal?.throwIfAborted();
    if (limit === 0) return undefined;
    const size = Math.min(limit, PAGE_SIZE);
    try {
      const rows = await page(source, start, size, scope.signal);
      const messages = rows.map((row) => toMessage<Data>(row, json));
      const last = messages.at(-1);
      limit = single || messages.length < size ? 0 : Math.max(0, limit - messages.length);
      if (limit === 0) scope.release();
      if (last === undefined) return undefined;
      start = positionIn(source, last) + 1n;
      return messages;
    } catch (error) {
      const left = limit === 0;
      leave();
      if (left) return undefined;
      throw error;
    }
  };

  const nextMessage = async (): Promise<Message<Data> | undefined> => {
    held = (await nextPage()) ?? [];
    at = 0;
    return held[at++];
  };

  const once = (): ReturnType<typeof iterations> => {
    if (iterate !== undefined) throw new MillraceError("invalid_argument", "A read can be iterated once", { system: "messagedb" });
    return (iterate = iterations());
  };

  return {
    [Symbol.asyncIterator]: () => once()(() => (at < held.length && signal?.aborted !== true ? held[at++] : nextMessage()), leave),
    batches: () => once()(nextPage, leave),
    async toArray() {
      const all: Message<Data>[] = [];
      for await (const messages of this.batches()) for (const message of messages) all.push(message);
      return all;
    },
  };
}
