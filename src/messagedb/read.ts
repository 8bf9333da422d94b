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

/**
 * At most `limit` messages from `start` on, inclusive, in ascending order.
 *
 * @param full May be told before the messages are there that the page is full, and where the next one begins.
 */
export type ReadPage = (source: MessageSource, start: bigint, limit: number, signal: AbortSignal, full: (next: bigint) => void) => Promise<readonly MessageRow[]>;

interface AskedPage {
  readonly size: number;
  readonly answer: Promise<readonly MessageRow[]>;
  /** Where the page after it begins, as soon as it is known. */
  next?: bigint;
}

/** A row's position in its source. */
function placeOf({ kind }: MessageSource, row: MessageRow): bigint {
  return BigInt(row[kind === "stream" ? 3 : 4]);
}

/** {@link Read} page by page. A page that is not full is the last. */
export function openRead<Data>(range: ReadRange, page: ReadPage, json: JsonFormat, signal?: AbortSignal): Read<Data> {
  const { source, once: single = false } = range;
  /** Where what is asked for next begins, and how many messages may still be asked for. */
  let { start, limit } = range;
  let over = limit === 0;
  let iterate: ReturnType<typeof iterations> | undefined;
  let held: Message<Data>[] = [];
  let at = 0;
  let pages = 0;
  /** Left by its reader, or ended by an error: not by its last page, which may yet turn out not to be understood. */
  let left = false;
  let current: AskedPage | undefined;
  /** The page after it, on its way while that one comes and is taken. */
  let ahead: AskedPage | undefined;
  const scope = linkSignals(signal);

  const leave = (): void => {
    left = over = true;
    held = [];
    scope.abort(new MillraceError("unavailable", "The read was left", { system: "messagedb" }));
  };

  const askPage = (): AskedPage => {
    const size = Math.min(limit, PAGE_SIZE);
    limit -= size;
    const asked: AskedPage = {
      size,
      answer: page(source, start, size, scope.signal, (next) => {
        asked.next = next;
        lookAhead();
      }),
    };
    asked.answer.catch(() => {});
    return asked;
  };

  /** Who comes for a second page reads on, most likely. */
  const lookAhead = (): void => {
    if (over || single || pages === 0 || limit === 0 || ahead !== undefined || current?.next === undefined) return;
    start = current.next;
    ahead = askPage();
  };

  const nextPage = async (): Promise<Message<Data>[] | undefined> => {
    signal?.throwIfAborted();
    if (over) return undefined;
    try {
      const asked = current = ahead ?? askPage();
      ahead = undefined;
      lookAhead();
      const rows = await asked.answer;
      const last = rows.at(-1);
      if (last === undefined || single || rows.length < asked.size || (limit === 0 && ahead === undefined)) {
        over = true;
        scope.release();
      } else {
        start = asked.next ??= placeOf(source, last) + 1n;
        lookAhead();
      }
      pages++;
      return last && rows.map((row) => toMessage<Data>(row, json));
    } catch (error) {
      if (left) return undefined;
      leave();
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
