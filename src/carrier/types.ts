import type { CancelRule, Lane, MethodKind } from "../wire/call-kinds.js";
import type { Trailers } from "../wire/trailers.js";

/** One call, as a {@link Carrier} takes it. Messages are payloads without their five-byte envelope. */
export interface CarrierCall {
  /** `/package.Service/Method`, sent as it is. */
  path: string;
  /** Which side may send more than one message. */
  kind: MethodKind;
  /**
   * For client streaming and bidi. `half`: the messages are collected and sent when they end. `full`, the default for
   * bidi: both directions at once; a carrier that cannot do it refuses with `unsupported` before anything is sent.
   */
  duplex?: "half" | "full" | undefined;
  /** What the call shares a connection with; only carriers that own connections look at it. */
  lane: Lane;
  /** How the call may be taken back at the server when it is left; only carriers that own connections look at it. */
  cancel: CancelRule;
  /** Request metadata. gRPC's and the carrier's own headers are added by the carrier. */
  headers: Headers;
  /** What is sent; one message where the kind says so. */
  messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Aborting it ends the call at once on this side; everything pending rejects with its `reason`. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call; sent to the server as `grpc-timeout` and enforced here with code `timeout`. */
  timeoutMs?: number | undefined;
  /** Milliseconds until the connection must stand (http2), or until the response headers of a streamed answer must have come (fetch). */
  connectTimeoutMs?: number | undefined;
  /** The largest message accepted from the server, in bytes, 16 MiB by default; above it the call ends with `resource_exhausted`. */
  maxMessageBytes?: number | undefined;
}

/**
 * What a {@link Carrier} gives back at once. Whatever fails rejects all that is still pending with the same error.
 * Rejections of `headers` and `trailers` are marked as handled, so a caller may ignore either.
 */
export interface CarrierResponse {
  /** Response metadata. */
  headers: Promise<Headers>;
  /**
   * Chunks of the response body. Each begins and ends at an envelope boundary and holds data envelopes only: one or
   * more of one flag byte 0, four bytes of length (big endian), payload. Ends when the server ended the call, whatever
   * its status. `return()` leaves the call: it frees the request at once and resolves without waiting for a pending `next()`.
   */
  chunks: AsyncIterator<Uint8Array>;
  /** How the server ended the call; resolves after the last chunk was taken. A status other than 0 resolves too. */
  trailers: Promise<Trailers>;
}

/** Moves the bytes of calls. Knows gRPC framing and status, no system. */
export interface Carrier {
  /** Starts a call and returns without waiting for it. */
  call(call: CarrierCall): CarrierResponse;
  /** Ends all calls with `unavailable` and frees connections. Idempotent. */
  close(): Promise<void>;
}

/** What a carrier takes where a call says nothing. */
export const CARRIER_DEFAULTS = { connectTimeoutMs: 10_000, maxMessageBytes: 16 * 1024 * 1024 } as const;
