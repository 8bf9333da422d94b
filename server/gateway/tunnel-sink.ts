import { encodeHeaderBlock } from "millrace/internal/wire/header-block";
import type { YamuxStream } from "millrace/internal/wire/yamux-stream";
import type { HeaderFields, ResponseSink, SinkEvents } from "./exchange.js";

/** What a {@link TunnelSink} needs of its tunnel. */
export interface SinkHost {
  /** Whether the socket holds more than it should: write no more until {@link TunnelSink.socketDrained}. */
  readonly congested: boolean;
}

/** The response to one call of a tunnel: a header block, then what the response's body is over HTTP. */
export class TunnelSink implements ResponseSink {
  readonly #stream: YamuxStream;
  readonly #host: SinkHost;
  readonly #over: () => void;
  #events: SinkEvents | undefined;
  #ended = false;
  #isOver = false;
  /** Bytes wait for the peer's window. */
  #kept = false;
  #blocked = false;

  /** @param over Called once, when nothing more comes of it. */
  constructor(stream: YamuxStream, host: SinkHost, over: () => void) {
    this.#stream = stream;
    this.#host = host;
    this.#over = over;
  }

  /** Whether the response is complete, as far as the gateway is concerned. */
  get ended(): boolean {
    return this.#ended;
  }

  listen(events: SinkEvents): void {
    this.#events = events;
  }

  open(_status: number, headers: HeaderFields): void {
    let block: Uint8Array;
    try {
      block = encodeHeaderBlock(undefined, entriesOf(headers));
    } catch {
      // An upstream's metadata above the limit: there is no way to say it, since it comes before everything else.
      this.destroy();
      this.#events?.gone();
      return;
    }
    // Leaves with whatever is written in the same tick.
    this.write(block);
  }

  flush(): void {
    // Nothing waits here.
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#kept = !this.#stream.write(bytes);
    this.#blocked = this.#kept || this.#host.congested;
    return !this.#blocked;
  }

  end(bytes?: Uint8Array): void {
    if (this.#ended || this.#isOver) return;
    if (bytes !== undefined) this.write(bytes);
    this.#ended = true;
    this.#stream.end();
    if (!this.#kept) this.#finished();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#ended = true;
    this.#stream.reset();
    this.#finish();
  }

  /** The peer's window took all that waited. */
  streamDrained(): void {
    this.#kept = false;
    if (this.#ended) this.#finished();
    else this.socketDrained();
  }

  /** The socket has room again. */
  socketDrained(): void {
    if (!this.#blocked || this.#kept || this.#host.congested || this.#ended) return;
    this.#blocked = false;
    this.#events?.writable();
  }

  /** The peer broke the call off, or is gone. */
  lost(): void {
    if (this.#isOver) return;
    this.#ended = true;
    this.#finish();
    this.#events?.gone();
  }

  #finished(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#events?.finished();
  }

  #finish(): void {
    this.#isOver = true;
    this.#over();
  }
}

/** What says something about an HTTP response only. */
const OF_HTTP: ReadonlySet<string> = new Set(["allow", "cache-control", "content-type", "vary", "x-accel-buffering", "x-content-type-options"]);

function* entriesOf(headers: HeaderFields): Generator<[string, string]> {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || OF_HTTP.has(name) || name.startsWith("access-control-")) continue;
    for (const one of typeof value === "string" ? [value] : value) yield [name, one];
  }
}
