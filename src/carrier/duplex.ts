import { deferred, type Deferred } from "../core/deferred.js";
import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals } from "../core/signal.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions } from "./call-options.js";
import type { Connection, OwnCarrierOptions } from "./connection.js";
import { HEARTBEAT_MS } from "./carrier-by-fetch.js";
import { carrierByUrl } from "./carrier-by-url.js";
import { resolveHeaders } from "./resolve-headers.js";
import { nextChunk, type Plan } from "./tries.js";
import type { Carrier, CarrierResponse } from "./types.js";

/** A call in both directions at once. */
export interface Duplex {
  /** Sends an encoded message; one after the end, or after `leave()`, goes nowhere. Resolves when the carrier has taken it. */
  send(message: Uint8Array): Promise<void>;
  /** Says that nothing more will be sent. */
  end(): void;
  /** The next chunk of whole data envelopes; `undefined` when the server ended the call well. One at a time. */
  next(): Promise<Uint8Array | undefined>;
  /** Leaves the call; what is pending rejects with `reason`. Idempotent. */
  leave(reason: unknown): void;
}

/**
 * Opens a call in both directions at once, which is never tried again: whoever owns it knows what was in it.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options, nothing was sent. All else rejects `next()` and `send()`.
 */
export function openDuplex(connection: Connection, method: Method, options: CallOptions = {}): Duplex {
  const { system } = connection;
  checkCallOptions(options, system);
  const scope = linkSignals(options.signal, connection.closed);
  const { signal } = scope;
  const plan: Plan = { connection, method, request: new Uint8Array(0), callHeaders: options.headers, signal };
  const { outgoing, send, end } = outbox(signal);
  const begun = begin(plan, outgoing);
  begun.catch((error: unknown) => scope.abort(error));
  return {
    send,
    end,
    async next() {
      const chunk = await nextChunk(plan, await begun);
      if (chunk === undefined) scope.abort(new MillraceError("unavailable", "The server ended the call", { system }));
      return chunk;
    },
    leave(reason) {
      scope.abort(reason);
      begun.then(({ chunks }) => chunks.return?.(), () => {});
    },
  };
}

async function begin({ connection, method, callHeaders, signal }: Plan, messages: AsyncIterable<Uint8Array>): Promise<CarrierResponse> {
  const headers = await resolveHeaders(connection, callHeaders, false, signal);
  const { connectTimeoutMs, maxMessageBytes } = connection;
  const { path, kind, lane, cancel } = method;
  return connection.carrier(ownCarrier).call({ path, kind, duplex: "full", lane, cancel, headers, messages, signal, connectTimeoutMs, maxMessageBytes });
}

/** The same as for other calls, since whichever call comes first makes it: those that `fetch` can make have their messages at hand. */
function ownCarrier(options: OwnCarrierOptions): Carrier {
  return carrierByUrl({ ...options, heartbeatMs: HEARTBEAT_MS, collect: ({ messages }) => messages as readonly Uint8Array[] });
}

interface Waiting {
  readonly message: Uint8Array;
  readonly taken: Deferred<void>;
}

/** What is to be sent, as a carrier takes it; ends with `signal`. */
function outbox(signal: AbortSignal): { outgoing: AsyncIterable<Uint8Array>; send: Duplex["send"]; end: () => void } {
  const queue: Waiting[] = [];
  let wake = deferred<void>();
  let ended = false;
  const end = (): void => {
    ended = true;
    wake.resolve();
  };
  const drop = (): void => {
    end();
    for (const { taken } of queue.splice(0)) taken.reject(signal.reason);
  };
  signal.addEventListener("abort", drop, { once: true });
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    for (;;) {
      const first = queue.shift();
      if (first !== undefined) {
        first.taken.resolve();
        return { done: false, value: first.message };
      }
      if (ended) return { done: true, value: undefined };
      await wake.promise;
      wake = deferred();
    }
  };
  return {
    outgoing: { [Symbol.asyncIterator]: () => ({ next, return: async () => ({ done: true, value: undefined }) }) },
    send(message) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (ended) return Promise.resolve();
      const taken = deferred<void>();
      queue.push({ message, taken });
      wake.resolve();
      return taken.promise;
    },
    end,
  };
}
