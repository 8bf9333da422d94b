import { deferred } from "../core/deferred.js";
import { onAbort } from "../core/signal.js";
import { wireSource } from "./source.js";
import type { SubscribeLine } from "../wire/messagedb.js";
import type { ReadPage } from "./read.js";
import { messageStream, type MessageStream } from "./stream.js";
import type { FeedPart, FeedRequest, MessageFeed } from "./subscribe.js";

/** More messages are not held for a consumer that does not come for them: it catches up by pages when it does. */
const MAX_HELD = 1_000;

export { messageStream };

/**
 * A subscription's part of its client's stream. What lies more than a page behind comes by pages, which a browser keeps.
 * Resolves when the gateway has taken it.
 */
export async function streamFeed(stream: MessageStream, { source, start, limit, gapTimeoutMs, signal }: FeedRequest, page: ReadPage): Promise<MessageFeed> {
  const all = source.kind === "all";
  const opened = deferred<void>();
  const parts: FeedPart[] = [];
  let held = 0;
  let at = start;
  let behind = false;
  let failure: { readonly error: unknown } | undefined;
  let leave = (): void => {};
  let wake = (): void => {};

  const rowsCame = (rows: FeedPart & { length: number }): void => {
    const last = (rows as readonly (readonly (string | null)[])[]).at(-1);
    if (last === undefined) return;
    parts.push(rows);
    held += rows.length;
    at = BigInt(last[source.kind === "stream" ? 3 : 4] as string) + 1n;
  };

  const line = ({ m, gap, live, behind: far }: SubscribeLine): void => {
    if (m !== undefined) rowsCame(m);
    if (gap !== undefined) {
      const [from, to] = gap;
      parts.push({ from: BigInt(from), to: BigInt(to) });
      at = BigInt(to) + 1n;
    }
    if (live === true) parts.push("live");
    if (far === true || held > MAX_HELD) {
      behind = true;
      leave();
    }
    wake();
  };

  const lost = (error: unknown): void => {
    failure ??= { error };
    opened.reject(error);
    wake();
  };

  const join = (): void => {
    behind = false;
    leave = stream.join({
      item: () => ({ ...wireSource(source), start: String(at), ...(all && { gapTimeoutMs }) }),
      joined: () => opened.resolve(),
      line, lost,
    });
  };

  /** One page of what it is behind; a page that is not full leads back to the stream, and so does a gap, which is the gateway's to judge. */
  const catchUp = async (): Promise<void> => {
    if (all) return join();
    const rows = await page(source, at, limit, signal, () => {});
    rowsCame(rows);
    if (rows.length < limit) join();
  };

  const unlisten = onAbort(signal, lost);
  join();
  await opened.promise;
  return {
    async next() {
      for (;;) {
        const part = parts[0];
        if (part === undefined) {
          if (failure !== undefined) throw failure.error;
          if (behind) await catchUp();
          else await new Promise<void>((come) => { wake = come; });
        } else if (typeof part === "object" && "length" in part) {
          const taken = part.slice(0, limit);
          held -= taken.length;
          if (taken.length < part.length) parts[0] = part.slice(limit);
          else parts.shift();
          return taken;
        } else {
          parts.shift();
          return part;
        }
      }
    },
    close() {
      unlisten();
      leave();
      lost(undefined);
    },
  };
}
