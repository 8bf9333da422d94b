import type { IncomingHttpHeaders } from "node:http2";
import type { MillraceError } from "../../core/errors.js";
import type { CancelRule, Lane } from "../../wire/call-kinds.js";

/** One gRPC call, as an {@link Upstream} takes it. */
export interface UpstreamRequest {
  /** `/package.Service/Method`; the url's own path stands before it. */
  readonly path: string;
  /** Calls of different lanes never share a connection. */
  readonly lane: Lane;
  /** What {@link UpstreamCall.leave} does at the server. */
  readonly cancel: CancelRule;
  /** Metadata only, names in lower case. `content-type`, `te`, `user-agent` and the like are added. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Sent as `grpc-timeout`, in milliseconds. It is not enforced on this side. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds to wait for a connection; the upstream's own `connectTimeoutMs` counts where it is shorter. */
  readonly connectTimeoutMs?: number | undefined;
}

/** How a call failed without a gRPC status from its server. */
export interface UpstreamFailure {
  /** `applied` is `no` when the server certainly did nothing, otherwise `unknown`, also for calls that only read. */
  readonly error: MillraceError;
  /** Whether the server may have seen the request. */
  readonly sent: boolean;
  /**
   * Whether it is proven that the server answered: response headers came, or, on a lane of one call a connection, so
   * many bytes that they can only be an answer which this side cannot read.
   */
  readonly answered: boolean;
}

/**
 * What a call tells its owner. Exactly one of `end` and `fail` is called, as the last thing, and never before
 * {@link Upstream.open} has returned. Nothing is called after {@link UpstreamCall.leave}.
 */
export interface UpstreamEvents {
  /** Response metadata. Not called when the answer is its status alone (trailers-only). */
  headers(headers: IncomingHttpHeaders): void;
  /** Bytes of the response body as they come: cut anywhere, not copied, not empty. */
  data(bytes: Buffer): void;
  /** The server's status, after the last byte: its trailers, or the response headers of a trailers-only answer. */
  end(trailers: IncomingHttpHeaders): void;
  /** The call is over and no status came. */
  fail(failure: UpstreamFailure): void;
  /** A {@link UpstreamCall.write} answered `false` earlier; writing may go on. */
  writable(): void;
  /** Lane `append` only: the answer is late and the connection silent. The call goes on, but may never end well. */
  late?(): void;
  /** The server is draining: this call may go on, but should not dawdle. Called once at most. */
  goaway?(): void;
}

/** The owner's side of a call. Every method is harmless after the call is over. */
export interface UpstreamCall {
  /** Whether the request left: the server may have seen it. */
  readonly sent: boolean;
  /** Sends bytes of the request body, envelopes included. `false`: wait for `writable` before writing more. */
  write(bytes: Uint8Array): boolean;
  /** Ends the request body. */
  end(bytes?: Uint8Array): void;
  /** Stops `data`; the server is held back by flow control. */
  pause(): void;
  /** Goes on with `data`. */
  resume(): void;
  /**
   * Ends the owner's interest at once: nothing is called any more. Before the request was sent, it never is. After
   * that the cancel rule decides: `delayed` resets the stream as soon as its server can bear it, `never` lets it run.
   */
  leave(): void;
}

/** Numbers of one lane at this moment. */
export interface LaneStats {
  /** Connections that take calls or still have some. */
  readonly sessions: number;
  /** Connections on their way: dialling, or no SETTINGS yet. */
  readonly connecting: number;
  /** Streams open at the server, abandoned ones included. */
  readonly calls: number;
  /** Of these, calls whose owner left and whose end or reset is still to come. */
  readonly abandoned: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** Numbers of an {@link Upstream}. */
export interface UpstreamStats {
  readonly lanes: Readonly<Record<Lane, LaneStats>>;
  /** Connections that stood (SETTINGS came), ever. */
  readonly sessionsOpened: number;
  /** Connections that broke or were given up while calls were open on them, ever. */
  readonly sessionsLost: number;
}
