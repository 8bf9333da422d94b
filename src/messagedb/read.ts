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

interface AskedPage {
  readonly size: number;
  readonly answer: Promise<readonly MessageRow[]>;
}

/** A row's position in its source. */
function placeOf({ kind }: MessageSource, row: MessageRow): bigint {
  return BigInt(row[kind === "stream" ? 3 : 4]);
}

/** {@link Read} page by page. A page that is not full is the last. */
export function openRead<Data>(range: ReadRange, page: ReadPage, json: JsonFormat, signal?: AbortSignal): Read<Data> {
  const { source, once: single = false } = range;
  let { start, limit } = range;
  let iterate: ReturnType<typeof iterations> | undefined;
  let held: Message<Data>[] = [];
  let at = 0;
  let pages = 0;
  /** The next page, on its way while the one before is taken. */
  let ahead: AskedPage | undefined;
  const scope = linkSignals(signal);

  const leave = (): void => {
    limit = 0;
    held = [];
    scope.abort(new MillraceError("unavailable", "The read was left", { system: "messagedb" }));
  };

  const askPage = (): AskedPage => {
    const size = Math.min(limit, PAGE_SIZE);
    const answer = page(source, start, size, scope.signal);
    answer.catch(() => {});
    return { size, answer };
  };

  const nextPage = async (): Promise<Message<Data>[] | undefined> => {
    signal?.throwIfAborted();
    if (limit === 0) return undefined;
    try {
      const { size, answer } = ahead ?? askPage();
      ahead = undefined;
      const rows = await answer;
      const last = rows.at(-1);
      limit = single || rows.length < size ? 0 : Math.max(0, limit - rows.length);
      if (limit === 0) scope.release();
      if (last === undefined) return undefined;
      start = placeOf(source, last) + 1n;
      // Who comes for a second page reads on, most likely.
      if (++pages > 1 && limit > 0) ahead = askPage();
      return rows.map((row) => toMessage<Data>(row, json));
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
