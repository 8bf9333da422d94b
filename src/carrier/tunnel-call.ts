import type { MillraceError } from "../core/errors.js";
import type { Ending } from "../core/signal.js";
import type { EnvelopeReader } from "../wire/envelope-reader.js";
import type { YamuxStream, YamuxStreamEvents } from "../wire/yamux-stream.js";
import type { CallOwner, OpenCall } from "./open-call.js";
import { encodeHead, HeadReader } from "./tunnel-head.js";
import type { TunnelLink } from "./tunnel-link.js";
import type { TunnelLinks } from "./tunnel-links.js";
import type { TunnelTools } from "./tunnel-tools.js";
import type { CarrierCall, CarrierResponse } from "./types.js";

/** What calls of one tunnel carrier share. */
export interface TunnelCallSettings {
  /** The gateway's origin, for error texts. */
  readonly origin: string;
  readonly maxMessageBytes: number;
  readonly connectTimeoutMs: number;
  /** Gives the tunnel for a new call. */
  readonly links: TunnelLinks;
  /** All messages of a call that sends them at once. */
  readonly collect: (call: CarrierCall, signal: AbortSignal) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  readonly tools: TunnelTools;
  /** Ends when the carrier is closed. */
  readonly closed: Ending;
}

/** One call in a tunnel. The window grows only as chunks are taken, so back-pressure reaches the server. */
export class TunnelCall implements CallOwner, YamuxStreamEvents {
  readonly response: CarrierResponse;
  readonly #settings: TunnelCallSettings;
  readonly #call: CarrierCall;
  readonly #open: OpenCall;
  readonly #head: HeadReader;
  readonly #envelopes: EnvelopeReader;
  #stopConnecting = (): void => {};
  #link: TunnelLink | undefined;
  #stream: YamuxStream | undefined;
  #drained = (): void => {};
  #wanted = false;
  /** Chunks that nobody has taken, and their bytes. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes received for which the window was not opened again. */
  #owedBytes = 0;

  constructor(settings: TunnelCallSettings, call: CarrierCall) {
    this.#settings = settings;
    this.#call = call;
    const { openCall, EnvelopeReader } = settings.tools;
    this.#head = new HeadReader(settings.tools);
    this.#envelopes = new EnvelopeReader({ maxMessageBytes: call.maxMessageBytes ?? settings.maxMessageBytes });
    this.#open = openCall(call, settings.closed, this);
    this.response = this.#open.response;
    if (!this.#open.over) this.#run().catch((error: unknown) => this.#fail(error));
  }

  get sent(): boolean {
    return this.#stream !== undefined;
  }

  pull(): void {
    this.#wanted = true;
    const chunk = this.#held.shift();
    if (chunk === undefined) return;
    this.#wanted = false;
    this.#heldBytes -= chunk.length;
    this.#openWindow();
    this.#open.deliver([chunk]);
  }

  /** Takes back the stream if it still is open on a side. */
  free(): void {
    this.#stopConnecting();
    this.#held = [];
    this.#stream?.reset();
    this.#link?.rest();
  }

  data(piece: Uint8Array): void {
    this.#owedBytes += piece.length;
    const chunks: Uint8Array[] = [];
    try {
      const before = this.#head.headers;
      const rest = this.#head.push(piece);
      const { headers } = this.#head;
      // After what came in the same message: who looks at the headers can know that nothing follows them.
      if (headers !== undefined && headers !== before) queueMicrotask(() => this.#open.headers(headers));
      this.#envelopes.push(rest, chunks);
    } catch (error) {
      this.#hold(chunks);
      return this.#fail(error);
    }
    this.#hold(chunks);
    this.#openWindow();
    if (this.#wanted) this.pull();
  }

  end(): void {
    const { tools, origin } = this.#settings;
    try {
      this.#envelopes.end();
      const block = this.#envelopes.trailerBlock;
      if (block === undefined) throw tools.connectionLost(origin);
      const trailers = tools.parseTrailers(block);
      this.#handOver();
      this.#open.finish(trailers);
    } catch (error) {
      this.#fail(error);
    }
  }

  reset(cause: unknown): void {
    this.#fail(cause ?? this.#error("unavailable", `${this.#settings.origin} broke the call off`, { applied: "unknown" }));
  }

  drain(): void {
    this.#drained();
  }

  async #run(): Promise<void> {
    const { kind, duplex } = this.#call;
    const { tools, collect } = this.#settings;
    const head = this.#encodeHead();
    const streams = (kind === "client" || kind === "bidi") && duplex !== "half";
    const body = streams ? undefined : tools.encodeEnvelopes(await collect(this.#call, this.#open.signal));
    if (this.#open.over) return;
    const link = await this.#connected();
    if (this.#open.over) return;
    this.#link = link;
    const stream = link.open(this);
    this.#stream = stream;
    if (body === undefined) return this.#sendAll(stream, head);
    stream.write(tools.concatBytes([head, body]));
    stream.end();
  }

  #encodeHead(): Uint8Array {
    const { path, headers: metadata, timeoutMs } = this.#call;
    const headers = new Headers(metadata);
    if (timeoutMs !== undefined && timeoutMs > 0) headers.set("grpc-timeout", this.#settings.tools.encodeGrpcTimeout(timeoutMs));
    return encodeHead(path, headers, this.#settings.tools);
  }

  async #connected(): Promise<TunnelLink> {
    const { links, connectTimeoutMs, origin, tools } = this.#settings;
    const link = links.get();
    const ms = this.#call.connectTimeoutMs ?? connectTimeoutMs;
    this.#stopConnecting = tools.startTimer(ms, () => this.#open.abort(this.#error("unavailable", `${origin} gave no tunnel within ${ms} ms`)));
    await tools.abortable(link.ready, this.#open.signal);
    this.#stopConnecting();
    return link;
  }

  async #sendAll(stream: YamuxStream, head: Uint8Array): Promise<void> {
    const { messages } = this.#call;
    const { signal } = this.#open;
    const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    let ended = false;
    try {
      stream.write(head);
      for (let index = 0; !ended; index++) {
        const next = await this.#settings.tools.abortable(Promise.resolve(iterator.next()), signal);
        ended = next.done === true;
        if (next.done !== true) await this.#write(stream, next.value, index);
      }
      stream.end();
    } finally {
      // Not waited for: a generator that waits for something itself would hold up an abort.
      if (!ended) Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  async #write(stream: YamuxStream, message: Uint8Array, index: number): Promise<void> {
    const { tools } = this.#settings;
    if (!(message instanceof Uint8Array)) throw tools.invalidArgument(`messages[${index}]`, message, "must be a Uint8Array");
    if (stream.write(tools.encodeEnvelopes([message]))) return;
    await tools.abortable(new Promise<void>((resolve) => { this.#drained = resolve; }), this.#open.signal);
  }

  #hold(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.#heldBytes += chunk.length;
    this.#held.push(...chunks);
  }

  /** Opens the window for all that is not held: also for the part of a message that may be larger than the window. */
  #openWindow(): void {
    const bytes = this.#owedBytes - this.#heldBytes;
    if (bytes <= 0) return;
    this.#owedBytes -= bytes;
    this.#stream?.consumed(bytes);
  }

  #handOver(): void {
    if (this.#held.length > 0) this.#open.deliver(this.#held.splice(0));
  }

  /** Ends the call; what was received before can still be taken. */
  #fail(error: unknown): void {
    this.#handOver();
    this.#open.fail(error);
  }

  #error(...arguments_: ConstructorParameters<TunnelTools["MillraceError"]>): MillraceError {
    return new this.#settings.tools.MillraceError(...arguments_);
  }
}
