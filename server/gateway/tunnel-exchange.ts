import { HeaderBlockReader, type HeaderBlock } from "millrace/internal/wire/header-block";
import type { MillraceError } from "millrace/internal/core/errors";
import type { YamuxStream, YamuxStreamEvents } from "millrace/internal/wire/yamux-stream";
import type { BodyEvents, RequestBody } from "./exchange.js";
import { TunnelSink, type SinkHost } from "./tunnel-sink.js";

/** What a {@link TunnelExchange} tells its tunnel. */
export interface ExchangeHost extends SinkHost {
  /** The call's header block came. */
  begun(block: HeaderBlock, exchange: TunnelExchange): void;
  /** What came is none. */
  malformed(error: MillraceError, exchange: TunnelExchange): void;
  /** Nothing more comes of the exchange. */
  over(exchange: TunnelExchange): void;
}

/** One stream of a tunnel, as the request body and the response that the gateway's core knows. */
export class TunnelExchange implements YamuxStreamEvents, RequestBody {
  /** Takes the response. */
  readonly sink: TunnelSink;
  readonly #stream: YamuxStream;
  readonly #host: ExchangeHost;
  /** Dropped when the block has come: it holds on to what that came in, and a call may stay open for days. */
  #head: HeaderBlockReader | undefined = new HeaderBlockReader();
  #events: BodyEvents | undefined;
  /** Body that nobody has taken: at most the stream's window. */
  #held: Uint8Array[] = [];
  #paused = false;
  #ended = false;

  constructor(stream: YamuxStream, host: ExchangeHost) {
    this.#stream = stream;
    this.#host = host;
    this.sink = new TunnelSink(stream, host, () => {
      this.#held = [];
      host.over(this);
    });
  }

  data(piece: Uint8Array): void {
    // After the answer nothing opens the window any more: who still sends is told by the answer.
    if (this.sink.ended) return;
    if (this.#head === undefined) this.#held.push(piece);
    else this.#begin(this.#head, piece);
    this.#deliver();
  }

  end(): void {
    this.#ended = true;
    if (this.#head !== undefined) this.sink.destroy();
    else this.#deliver();
  }

  reset(): void {
    this.sink.lost();
  }

  drain(): void {
    this.sink.streamDrained();
  }

  read(events: BodyEvents): void {
    this.#events = events;
    this.#deliver();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  #begin(head: HeaderBlockReader, piece: Uint8Array): void {
    try {
      const rest = head.push(piece);
      this.#stream.consumed(piece.length - rest.length);
      if (rest.length > 0) this.#held.push(rest);
    } catch (error) {
      return this.#host.malformed(error as MillraceError, this);
    }
    if (head.block === undefined) return;
    this.#head = undefined;
    this.#host.begun(head.block, this);
  }

  #deliver(): void {
    const events = this.#events;
    if (events === undefined || this.sink.ended) return;
    while (!this.#paused && this.#held.length > 0) {
      const piece = this.#held.shift() as Uint8Array;
      this.#stream.consumed(piece.length);
      events.data(piece);
    }
    if (!this.#ended || this.#held.length > 0 || this.#paused) return;
    this.#events = undefined;
    events.end();
  }
}
