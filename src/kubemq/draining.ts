import { deferred } from "../core/deferred.js";
import { MillraceError } from "../core/errors.js";
import type { OpenStream } from "../carrier/invoke.js";

/** What waits for its reader at most, in bytes. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** A stream that is read whether or not anybody takes what came. */
export interface Draining<Item> {
  /** What came in one chunk; `undefined` when the server ended the call. Rejects once all that came before its end is taken. */
  next(): Promise<Item[] | undefined>;
  /** Leaves the call at once. */
  close(): void;
}

/**
 * Reads a subscription on: a broker whose stream is not read for two seconds drops an event, a stored one too, and
 * says nothing. Past the bound the call is left; what has come is still handed out, and then the error.
 */
export function draining<Item>(stream: OpenStream, read: (chunk: Uint8Array) => Item[], maxWaiting: number): Draining<Item> {
  const waiting: { readonly items: Item[]; readonly bytes: number }[] = [];
  let items = 0;
  let bytes = 0;
  let arrived = deferred<void>();
  let end: { readonly error?: unknown } | undefined;

  const pump = async (): Promise<void> => {
    while (end === undefined) {
      const chunk = await stream.next();
      if (chunk.done === true) end ??= {};
      else {
        const came = read(chunk.value);
        waiting.push({ items: came, bytes: chunk.value.length });
        items += came.length;
        bytes += chunk.value.length;
        if (items > maxWaiting || bytes > MAX_WAITING_BYTES) throw overrun();
      }
      arrived.resolve();
    }
  };
  pump().catch((error: unknown) => {
    end ??= { error };
    void stream.return();
    arrived.resolve();
  });

  return {
    async next() {
      while (waiting.length === 0) {
        if (end !== undefined) {
          if ("error" in end) throw end.error;
          return undefined;
        }
        await arrived.promise;
        arrived = deferred();
      }
      const first = waiting.shift() as { items: Item[]; bytes: number };
      items -= first.items.length;
      bytes -= first.bytes;
      return first.items;
    },
    close() {
      end ??= {};
      waiting.length = 0;
      arrived.resolve();
      void stream.return();
    },
  };
}

function overrun(): MillraceError {
  return new MillraceError("unavailable", "More waited for its reader than may", { system: "kubemq", reason: "stalled" });
}
