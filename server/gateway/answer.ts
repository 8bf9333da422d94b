import { HEARTBEAT_HEADER } from "millrace/internal/wire/header-names";
import { heartbeatFrame } from "millrace/internal/wire/frames";
import { corsHeaders, exposeHeaders } from "./cors.js";
import { EnvelopeCounter } from "./envelope-counter.js";
import type { HeaderFields, ResponseSink } from "./exchange.js";
import { responseMetadata } from "./headers.js";
import { Heartbeat } from "./heartbeat.js";
import { trailerFrame } from "./trailer-frame.js";

/** The gRPC-Web response to one call. Bytes of the upstream's body pass through it; the status follows in its last envelope. */
export class Answer {
  readonly #sink: ResponseSink;
  readonly #origin: string | undefined;
  readonly #lasting: boolean;
  readonly #counter = new EnvelopeCounter();
  #heartbeat: Heartbeat | undefined;
  #lateMetadata: HeaderFields = {};
  #endingWith: HeaderFields | undefined;
  #opened = false;
  #ended = false;
  #discarded = false;
  #blocked = false;

  /** @param lasting The answer goes on until its reader leaves. */
  constructor(sink: ResponseSink, origin: string | undefined, lasting = false) {
    this.#sink = sink;
    this.#origin = origin;
    this.#lasting = lasting;
  }

  /** Whether the response is complete or broken off. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether nothing of the response is left to be read. */
  get discarded(): boolean {
    return this.#discarded;
  }

  /** Payload bytes that the open envelope still lacks. */
  get missing(): number {
    return this.#counter.missing;
  }

  /**
   * Sends the response headers now and a heartbeat on every silence of `heartbeatMs` from here on. The first goes out
   * with the headers: Firefox shows a page no headers before there is a byte of the body.
   */
  openEarly(heartbeatMs: number): void {
    this.#open({ [HEARTBEAT_HEADER]: String(heartbeatMs) });
    this.#sink.write(heartbeatFrame());
    this.#heartbeat = new Heartbeat(heartbeatMs, () => this.#beat());
  }

  /** The upstream's response headers. When ours have left already they travel with the trailers. */
  metadata(headers: HeaderFields): void {
    if (this.#opened) this.#lateMetadata = responseMetadata(headers);
    else this.#open(responseMetadata(headers));
  }

  /** Sends the response headers now: by them a caller that asks for no heartbeats knows that its stream stands. */
  flush(): void {
    if (this.#opened && !this.#ended) this.#sink.flush();
  }

  /** Passes bytes of the body on. Returns false when the page does not keep up. */
  write(bytes: Uint8Array): boolean {
    if (this.#ended) return true;
    if (this.#endingWith !== undefined) return this.#writeRest(bytes, this.#endingWith);
    if (!this.#opened) this.#open({});
    this.#counter.count(bytes);
    this.#heartbeat?.note();
    const room = this.#sink.write(bytes);
    this.#blocked = !room;
    return room;
  }

  /** The page reads again. */
  resumed(): void {
    this.#blocked = false;
  }

  /** Ends the response; in the middle of an envelope it can only be broken off. */
  end(trailers: HeaderFields): void {
    if (this.#ended) return;
    if (!this.#counter.atBoundary) return this.breakOff();
    if (!this.#opened) this.#open({});
    this.#close();
    this.#sink.end(trailerFrame({ ...this.#lateMetadata, ...trailers }));
  }

  /** Ends the response as soon as the open envelope is complete; what comes after that is dropped. */
  endAtBoundary(trailers: HeaderFields): void {
    if (this.#counter.atBoundary) this.end(trailers);
    else this.#endingWith = trailers;
  }

  /** Breaks the response off, unless it has ended. */
  breakOff(): void {
    if (!this.#ended) this.discard();
  }

  /** Drops the response whatever its state; also one that has ended and is still unread. */
  discard(): void {
    this.#discarded = true;
    this.#close();
    this.#sink.destroy();
  }

  #open(metadata: HeaderFields): void {
    this.#opened = true;
    this.#sink.open(200, {
      ...metadata,
      ...corsHeaders(this.#origin),
      "access-control-expose-headers": this.#origin === undefined ? undefined : exposeHeaders(Object.keys(metadata)),
      "content-type": "application/grpc-web+proto",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    }, this.#lasting);
  }

  #writeRest(bytes: Uint8Array, trailers: HeaderFields): boolean {
    const rest = bytes.subarray(0, this.#counter.countToBoundary(bytes));
    this.#sink.write(rest);
    if (this.#counter.atBoundary) this.end(trailers);
    return true;
  }

  /** A page that is not reading needs no sign of life, and an open envelope has no place for one. */
  #beat(): void {
    if (!this.#blocked && this.#counter.atBoundary) this.#sink.write(heartbeatFrame());
  }

  #close(): void {
    this.#ended = true;
    this.#heartbeat?.stop();
  }
}
