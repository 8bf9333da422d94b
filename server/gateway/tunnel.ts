import { concatBytes } from "millrace/internal/core/bytes";
import { isMillraceError, type MillraceError } from "millrace/internal/core/errors";
import { encodeHeaderBlock, HeaderBlockReader, type HeaderBlock } from "millrace/internal/wire/header-block";
import { HEARTBEAT_HEADER } from "millrace/internal/wire/header-names";
import { TUNNEL_AUTH_PATH, tunnelClose } from "millrace/internal/wire/tunnel";
import { YamuxError } from "millrace/internal/wire/yamux";
import { YamuxSession } from "millrace/internal/wire/yamux-session";
import { Answer } from "./answer.js";
import type { Client, GatewayRequest, Handler } from "./exchange.js";
import type { OccasionalWarnings } from "./occasional-warnings.js";
import { invalid, trailersOfRefusal } from "./refusal.js";
import { TunnelExchange, type ExchangeHost } from "./tunnel-exchange.js";

/** The message socket under a tunnel. */
export interface TunnelSocket {
  /** Bytes that were sent and have not left. */
  readonly waitingBytes: number;
  /** Sends one message. @param left Called when it has left, or never will. */
  send(message: Uint8Array, left: () => void): void;
  pause(): void;
  resume(): void;
  /** Says goodbye; nothing is sent any more. */
  close(code: number): void;
  /** Ends it without a word: there is nobody to hear it. */
  destroy(): void;
}

/** What a {@link Tunnel} needs. */
export interface TunnelOptions {
  readonly socket: TunnelSocket;
  /** Where it comes from. */
  readonly address: string;
  /** Calls that may be open at a time. */
  readonly maxCalls: number;
  /** Answers each call. */
  readonly handle: Handler;
  readonly warnings: OccasionalWarnings;
}

/** How often the peer must hear something, in milliseconds; it gives up after 2.5 times as long. */
const PING_MS = 15_000;
/** Half a ping's period, so that a peer is given up after the same silence. Ticks are counted, since a machine that slept has not listened. */
const TICK_MS = PING_MS / 2;
const MAX_SILENT_TICKS = 5;
const FIRST_MESSAGE_MS = 5_000;
/** Beyond this, upstreams are no longer read for a socket that does not keep up. */
const CONGESTED_BYTES = 1024 * 1024;
/** Beyond this nothing is read from it either: what it asks for is answered by more bytes. */
const FLOODED_BYTES = 4 * CONGESTED_BYTES;
/** Frames that leave in one message, about. */
const BATCH_BYTES = 64 * 1024;
/** Streams beyond the calls, so that one too many is refused in words. */
const SPARE_STREAMS = 16;

/** One page's tunnel: its calls, until its socket ends. */
export class Tunnel implements ExchangeHost {
  readonly #options: TunnelOptions;
  readonly #client: Client;
  readonly #exchanges = new Set<TunnelExchange>();
  readonly #session: YamuxSession;
  #authorization: string | undefined;
  #isOpen = false;
  #over = false;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #flushing: ReturnType<typeof setImmediate> | undefined;
  #blocked = false;
  #flooded = false;
  #ticks = 0;
  #silentTicks = 0;
  #timer: ReturnType<typeof setTimeout>;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#client = { address: options.address, connection: this };
    this.#timer = setTimeout(() => this.close(tunnelClose.noFirstMessage), FIRST_MESSAGE_MS);
    this.#session = new YamuxSession({
      role: "server",
      send: (bytes) => this.#send(bytes),
      maxStreams: options.maxCalls + SPARE_STREAMS,
      accept: (stream) => {
        const exchange = new TunnelExchange(stream, this);
        this.#exchanges.add(exchange);
        return exchange;
      },
    });
  }

  get congested(): boolean {
    this.#blocked = this.#waitingBytes > CONGESTED_BYTES;
    return this.#blocked;
  }

  /** A message from the peer. */
  receive(message: Uint8Array): void {
    if (this.#over) return;
    this.#silentTicks = 0;
    try {
      if (this.#isOpen) this.#session.receive(message);
      else this.#open(message);
    } catch (error) {
      if (error instanceof YamuxError || isMillraceError(error)) return this.close(tunnelClose.protocol);
      this.#options.warnings.warn("tunnel", { err: error }, "A tunnel failed and was closed");
      this.close(tunnelClose.internal);
    }
  }

  /** Takes no more calls and says so. */
  goAway(): void {
    this.#session.goAway();
  }

  /** Ends every call, and the socket with a code. Idempotent. */
  close(code: number): void {
    if (this.#over) return;
    this.#flush();
    this.lost();
    this.#options.socket.close(code);
  }

  /** The socket is gone. Idempotent. */
  lost(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#flushing);
    this.#session.fail("The socket has ended");
  }

  begun({ path, headers }: HeaderBlock, exchange: TunnelExchange): void {
    if (path === undefined) return refuse(exchange, "The call names no :path");
    const fields = fieldsOf(headers);
    if (path === TUNNEL_AUTH_PATH) {
      this.#authorization = fields["authorization"];
      return new Answer(exchange.sink, undefined).end({ "grpc-status": "0" });
    }
    this.#options.handle(this.#request(path, fields, exchange), exchange.sink);
  }

  malformed({ message }: MillraceError, exchange: TunnelExchange): void {
    refuse(exchange, message);
  }

  over(exchange: TunnelExchange): void {
    this.#exchanges.delete(exchange);
  }

  #request(path: string, fields: Record<string, string>, exchange: TunnelExchange): GatewayRequest {
    const authorization = fields["authorization"] ?? this.#authorization;
    return {
      method: "POST",
      target: path,
      host: undefined,
      headers: authorization === undefined ? fields : { ...fields, authorization },
      client: this.#client,
      body: exchange,
    };
  }

  /** The first message: what counts for the tunnel as a whole. */
  #open(message: Uint8Array): void {
    const reader = new HeaderBlockReader();
    const rest = reader.push(message);
    if (reader.block === undefined || reader.block.path !== undefined || rest.length > 0) return this.close(tunnelClose.protocol);
    this.#authorization = fieldsOf(reader.block.headers)["authorization"];
    this.#isOpen = true;
    clearTimeout(this.#timer);
    this.#send(encodeHeaderBlock(undefined, [[HEARTBEAT_HEADER, String(PING_MS)]]));
    // A message of its own: the frames come after it.
    this.#flush();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    this.#silentTicks += 1;
    if (this.#silentTicks >= MAX_SILENT_TICKS) {
      this.lost();
      this.#options.socket.destroy();
    } else if (++this.#ticks % 2 === 0) {
      this.#session.ping(this.#ticks);
    }
  }

  get #waitingBytes(): number {
    return this.#outBytes + this.#options.socket.waitingBytes;
  }

  #send(bytes: Uint8Array): void {
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (this.#outBytes >= BATCH_BYTES) this.#flush();
    else this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const message = this.#out.length === 1 ? this.#out[0] : concatBytes(this.#out);
    this.#out = [];
    this.#outBytes = 0;
    if (message === undefined || message.length === 0 || this.#over) return;
    this.#options.socket.send(message, () => this.#left());
    if (this.#flooded || this.#waitingBytes <= FLOODED_BYTES) return;
    this.#flooded = true;
    this.#options.socket.pause();
  }

  #left(): void {
    if (this.#over) return;
    if (this.#flooded && this.#waitingBytes <= CONGESTED_BYTES) {
      this.#flooded = false;
      this.#options.socket.resume();
    }
    if (!this.#blocked || this.congested) return;
    for (const { sink } of this.#exchanges) sink.socketDrained();
  }
}

function refuse({ sink }: TunnelExchange, message: string): void {
  new Answer(sink, undefined).end(trailersOfRefusal(invalid(message)));
}

/** The same name again is joined by a comma, as HTTP does. */
function fieldsOf(headers: HeaderBlock["headers"]): Record<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(fields);
}
