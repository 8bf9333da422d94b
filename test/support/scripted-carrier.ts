import { openCall } from "millrace/internal/carrier/open-call";
import type { Carrier, CarrierCall } from "millrace/internal/carrier/types";
import { encodeEnvelopes } from "millrace/internal/wire/frames";

/** One call that a {@link scriptedCarrier} was given, and the hand that answers it. */
export interface ScriptedCall {
  readonly call: CarrierCall;
  /** Whether somebody waits for a chunk. */
  readonly pulled: () => boolean;
  /** Whether the chunks were left before their end. */
  readonly left: () => boolean;
  /** Sends response headers. */
  headers(headers?: HeadersInit): void;
  /** Sends one chunk that holds these messages. */
  chunk(...messages: Uint8Array[]): void;
  /** Ends the call with a status. */
  status(status: number, message?: string, headers?: HeadersInit): void;
  /** Breaks the call. */
  fail(error: unknown): void;
}

/** A carrier for tests: `answer` is told of each call, in order, and plays the server. */
export function scriptedCarrier(answer: (call: ScriptedCall, index: number) => void): Carrier & { readonly calls: ScriptedCall[]; readonly closed: () => number } {
  const calls: ScriptedCall[] = [];
  let closed = 0;
  return {
    calls,
    closed: () => closed,
    call(call) {
      let pulled = false;
      let left = false;
      let failed = false;
      const feed = openCall({ ...call, timeoutMs: undefined }, undefined, {
        sent: true,
        pull() { pulled = true; },
        free(reason) { left = reason !== undefined && !failed && call.signal?.aborted !== true; },
      });
      const scripted: ScriptedCall = {
        call,
        pulled: () => pulled,
        left: () => left,
        headers: (headers) => feed.headers(new Headers(headers)),
        chunk: (...messages) => feed.deliver([encodeEnvelopes(messages)]),
        status(status, message = "", headers) {
          feed.finish({ status, message, headers: new Headers(headers) });
          feed.headers(new Headers());
        },
        fail(error) {
          failed = true;
          feed.fail(error);
        },
      };
      calls.push(scripted);
      if (call.signal?.aborted !== true) queueMicrotask(() => answer(scripted, calls.length - 1));
      return feed.response;
    },
    async close() { closed++; },
  };
}
