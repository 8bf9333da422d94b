import {
  constants, type ClientHttp2Stream, type IncomingHttpHeaders, type IncomingHttpStatusHeader, type OutgoingHttpHeaders,
} from "node:http2";
import type { Abandoned } from "./cancel-queue.js";
import { connectionLost, notGrpc, notTaken, streamEnded } from "./failure.js";
import type { UpstreamCall, UpstreamEvents, UpstreamFailure, UpstreamRequest } from "./types.js";

/** Where a call waits for a session. */
export interface CallQueue {
  /** The call's owner left; nothing was sent. */
  left(call: Call): void;
}

/** The session that a call was sent on. */
export interface CallSession extends CallQueue {
  /** The peer was heard on the call's stream. */
  heard(): void;
  /** The response headers came. */
  answered(call: Call): void;
  /** The stream is closed; `lost` when that is because the connection went, while the owner waited for more. */
  closed(call: Call, lost: boolean): void;
  /** Whether the server said that it never looked at the stream. */
  refused(streamId: number): boolean;
  /** Whether the connection is gone. */
  readonly destroyed: boolean;
}

const SENT: OutgoingHttpHeaders = Object.freeze({});

/** One call: waits in its lane, then lives on a stream; after `leave()` the stream may outlive its owner. */
export class Call implements UpstreamCall, Abandoned {
  /** Milliseconds that it may wait for a session; the upstream's own bound counts beside. */
  readonly connectTimeoutMs: number | undefined;
  /** Whether a cancel may go to the server. */
  readonly cancellable: boolean;
  /** What {@link send} sends; empty from then on, since the stream keeps its own. */
  headers: OutgoingHttpHeaders;
  /** When the request left, on the clock of `performance.now()`; 0 while it waits. */
  sentAt = 0;
  /** Whether response headers came. */
  answered = false;
  #events: UpstreamEvents | undefined;
  #place: CallQueue;
  #session: CallSession | undefined;
  #stream: ClientHttp2Stream | undefined;
  /** What was written while there is no stream. */
  #unsent: Uint8Array[] = [];
  #ended = false;
  #paused = false;
  #warned = false;
  #trailers: IncomingHttpHeaders | undefined;
  /** The answer was its headers alone: whatever follows is no message. */
  #trailersOnly = false;

  constructor(request: UpstreamRequest, headers: OutgoingHttpHeaders, events: UpstreamEvents, queue: CallQueue) {
    this.connectTimeoutMs = request.connectTimeoutMs;
    this.cancellable = request.cancel !== "never";
    this.headers = headers;
    this.#events = events;
    this.#place = queue;
  }

  get sent(): boolean {
    return this.#stream !== undefined;
  }

  /** Whether the owner is gone: it left, or was told the end. */
  get abandoned(): boolean {
    return this.#events === undefined;
  }

  write(bytes: Uint8Array): boolean {
    if (this.abandoned || this.#ended) return true;
    if (this.#stream === undefined) this.#unsent.push(bytes);
    else if (this.#stream.write(bytes)) return true;
    this.#awaitDrain();
    return false;
  }

  end(bytes?: Uint8Array): void {
    if (this.abandoned || this.#ended) return;
    this.#ended = true;
    if (this.#stream !== undefined) endStream(this.#stream, bytes);
    else if (bytes !== undefined) this.#unsent.push(bytes);
  }

  pause(): void {
    this.#paused = true;
    if (!this.abandoned) this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  leave(): void {
    if (this.abandoned) return;
    this.#events = undefined;
    this.#unsent = [];
    // A paused stream would keep its window full of unread bytes, and the session's other streams waiting.
    this.#stream?.resume();
    this.#place.left(this);
  }

  /** The stream is there: sends what was written so far. */
  send(stream: ClientHttp2Stream, session: CallSession): void {
    this.#place = session;
    this.#session = session;
    this.#stream = stream;
    this.headers = SENT;
    this.sentAt = performance.now();
    stream.on("response", (headers) => this.#response(headers));
    stream.on("data", (bytes: Buffer) => this.#data(bytes));
    stream.on("trailers", (trailers) => void (this.#trailers = trailers));
    stream.on("end", () => this.#bodyEnded());
    let cause: unknown;
    stream.on("error", (error) => void (cause = error));
    stream.on("close", () => this.#closed(stream, session, cause));
    if (this.#paused) stream.pause();
    this.#flush(stream);
  }

  /** Ends the call from this side of the stream, which stays to be reset or destroyed by the session. */
  fail(failure: UpstreamFailure): void {
    const events = this.#events;
    this.#events = undefined;
    this.#unsent = [];
    events?.fail(failure);
  }

  /** The append is late and its session silent. */
  late(): void {
    this.#events?.late?.();
  }

  /** The server is draining. */
  goaway(): void {
    this.#events?.goaway?.();
  }

  /** Resets the stream by CANCEL. */
  reset(): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** Lets the stream run to its end: what it brings is dropped. */
  runOut(): void {
    if (!this.#ended) this.#stream?.end();
    this.#ended = true;
  }

  #flush(stream: ClientHttp2Stream): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    const last = this.#ended ? unsent.pop() : undefined;
    for (const bytes of unsent) stream.write(bytes);
    if (this.#ended) return endStream(stream, last);
    if (this.#warned && !stream.writableNeedDrain) queueMicrotask(() => this.#drained());
    else if (this.#warned) stream.once("drain", () => this.#drained());
  }

  #awaitDrain(): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#stream?.once("drain", () => this.#drained());
  }

  #drained(): void {
    this.#warned = false;
    this.#events?.writable();
  }

  #response(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.answered = true;
    this.#session?.heard();
    this.#session?.answered(this);
    if (this.abandoned) return;
    const error = notGrpc(headers);
    if (error !== undefined) {
      this.fail({ error, sent: true, answered: true });
      this.#stream?.resume();
      this.#place.left(this);
      return;
    }
    if (headers["grpc-status"] === undefined) return this.#events?.headers(headers);
    this.#trailers = headers;
    this.#trailersOnly = true;
  }

  #data(bytes: Buffer): void {
    this.#session?.heard();
    if (!this.#trailersOnly) this.#events?.data(bytes);
  }

  #bodyEnded(): void {
    const trailers = this.#trailers;
    const events = this.#events;
    // Without trailers the code of the close says why.
    if (trailers === undefined || events === undefined) return;
    this.#events = undefined;
    // A server may answer before the request is complete; the rest of it is of no use.
    if (!this.#ended) this.runOut();
    events.end(trailers);
  }

  #closed(stream: ClientHttp2Stream, session: CallSession, cause: unknown): void {
    const waiting = !this.abandoned;
    const lost = session.destroyed && !isReset(cause);
    if (waiting) {
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || session.refused(stream.id ?? 0);
      const error = refused ? notTaken(cause) : lost ? connectionLost(cause) : streamEnded(stream.rstCode, cause);
      this.fail({ error, sent: !refused, answered: this.answered });
    }
    session.closed(this, waiting && lost);
  }
}

/** Whether a stream's error is a reset by the server. When the connection goes, Node makes up a code. */
function isReset(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_HTTP2_STREAM_ERROR";
}

function endStream(stream: ClientHttp2Stream, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) stream.end();
  else stream.end(bytes);
}
