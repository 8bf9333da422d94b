import type { Upstream, UpstreamCall, UpstreamEvents, UpstreamFailure } from "millrace/internal/carrier/http2/upstream";
import { concatBytes } from "millrace/internal/core/bytes";
import type { Lane } from "millrace/internal/wire/call-kinds";
import { umadbMethods } from "millrace/internal/wire/methods";
import type { HeaderFields } from "../../exchange.js";

/** An answer holds one position; more than this is none. */
const MAX_ANSWER_BYTES = 1_024;

/** How one sending of an append ended. */
export type AppendResult =
  | { readonly kind: "answered"; readonly headers: HeaderFields; readonly body: Uint8Array; readonly trailers: HeaderFields }
  | { readonly kind: "lost"; readonly failure: UpstreamFailure };

/** One append to be sent. */
export interface Sending {
  readonly upstream: Upstream;
  readonly lane: Lane;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly envelope: Uint8Array;
  /** The call is on its way, or waits for a connection. */
  readonly opened: (call: UpstreamCall) => void;
  /** The answer is late and its connection silent: it holds nobody up any more, and may never come. */
  readonly late: () => void;
}

/**
 * Sends an append once. There is no way to leave it: resetting an append that its server is working on makes
 * strangers' appends fail.
 */
export function sendAppend(sending: Sending): Promise<AppendResult> {
  return new Promise((resolve) => {
    let headers: HeaderFields = {};
    const body: Uint8Array[] = [];
    let size = 0;
    const events: UpstreamEvents = {
      headers: (received) => void (headers = received),
      data: (bytes) => {
        size += bytes.length;
        if (size <= MAX_ANSWER_BYTES) body.push(bytes);
      },
      end: (trailers) => resolve({ kind: "answered", headers, body: concatBytes(body), trailers }),
      fail: (failure) => resolve({ kind: "lost", failure }),
      writable: () => undefined,
      late: sending.late,
    };
    const { path, cancel } = umadbMethods.append;
    const call = sending.upstream.open({ path, cancel, lane: sending.lane, headers: sending.headers }, events);
    sending.opened(call);
    call.end(sending.envelope);
  });
}
