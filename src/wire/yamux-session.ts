import {
  encodeYamuxHeader, YAMUX_INITIAL_WINDOW, YamuxError, yamuxFlag, yamuxGoAway, YamuxReader, yamuxType, type YamuxHeader,
} from "./yamux.js";
import { YamuxStream, type YamuxStreamEvents } from "./yamux-stream.js";

/** How a {@link YamuxSession} behaves and whom it tells. */
export interface YamuxSessionOptions {
  /** The side that opened the connection is the client; it opens streams with odd ids. */
  role: "client" | "server";
  /** Bytes for the peer, in order. Never called again after the session has failed. */
  send(bytes: Uint8Array): void;
  /** A stream that the peer opened. Answer with its listener, or `undefined` to refuse it by a reset. */
  accept?: ((stream: YamuxStream) => YamuxStreamEvents | undefined) | undefined;
  /** The peer takes no new streams; those that are open go on. */
  goneAway?: ((code: number) => void) | undefined;
  /** The answer to {@link YamuxSession.ping}. */
  pong?: ((value: number) => void) | undefined;
  /** What the peer may send on a stream before it is taken, in bytes; 256 KiB by default, which is also the least. */
  windowBytes?: number | undefined;
  /** Streams that may be open at once, the peer's and one's own each; 1 024 by default. More of the peer's are reset. */
  maxStreams?: number | undefined;
}

/**
 * One side of a yamux connection, without any I/O or clock: bytes from the peer go into {@link receive}, bytes for the
 * peer come out of `send`.
 */
export class YamuxSession {
  readonly #options: YamuxSessionOptions;
  readonly #windowBytes: number;
  readonly #maxStreams: number;
  readonly #streams = new Map<number, YamuxStream>();
  readonly #reader: YamuxReader;
  #nextId: number;
  #lastPeerId = 0;
  #peerStreams = 0;
  #refusing = false;
  #peerRefuses = false;
  #failed = false;

  constructor(options: YamuxSessionOptions) {
    this.#options = options;
    this.#windowBytes = Math.max(options.windowBytes ?? YAMUX_INITIAL_WINDOW, YAMUX_INITIAL_WINDOW);
    this.#maxStreams = options.maxStreams ?? 1_024;
    this.#nextId = options.role === "client" ? 1 : 2;
    this.#reader = new YamuxReader({
      header: (header) => this.#header(header),
      payload: (id, piece) => this.#streams.get(id)?.receive(piece),
      dataEnd: (header) => this.#streams.get(header.streamId)?.receiveFlags(header.flags),
    });
  }

  /** Streams open on either side. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether {@link open} would work now. */
  get canOpen(): boolean {
    return !this.#failed && !this.#peerRefuses && this.#streams.size - this.#peerStreams < this.#maxStreams && this.#nextId < 0xffff_fff0;
  }

  /**
   * Opens a stream. Nothing is sent before its first write.
   *
   * @throws {YamuxError} When {@link canOpen} is false. Nothing was sent.
   */
  open(events: YamuxStreamEvents): YamuxStream {
    if (!this.canOpen) throw new YamuxError("The tunnel takes no more calls");
    const stream = this.#create(this.#nextId, yamuxFlag.syn);
    this.#nextId += 2;
    stream.listen(events);
    return stream;
  }

  /**
   * Bytes from the peer, cut anywhere.
   *
   * @throws {YamuxError} when the peer breaks the protocol. The session has failed then: a go-away was
   * sent, every stream was reset, and the connection is to be closed.
   */
  receive(bytes: Uint8Array): void {
    if (this.#failed) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.#options.send(encodeYamuxHeader(yamuxType.goAway, 0, 0, yamuxGoAway.protocolError));
      this.fail(error);
      throw error;
    }
  }

  /** Asks the peer for a sign of life; the answer comes to `pong`. `value` is any 32-bit number. */
  ping(value: number): void {
    if (!this.#failed) this.#options.send(encodeYamuxHeader(yamuxType.ping, yamuxFlag.syn, 0, value >>> 0));
  }

  /** Takes no more streams from the peer and says so. Open ones go on. */
  goAway(code: number = yamuxGoAway.normal): void {
    if (this.#failed || this.#refusing) return;
    this.#refusing = true;
    this.#options.send(encodeYamuxHeader(yamuxType.goAway, 0, 0, code));
  }

  /** The connection is gone: every open stream ends with `cause`. Nothing is sent any more. Idempotent. */
  fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    for (const stream of [...this.#streams.values()]) stream.abandon(cause);
    this.#streams.clear();
  }

  #create(id: number, firstFlags: number): YamuxStream {
    const stream = new YamuxStream(id, {
      firstFlags,
      windowBytes: this.#windowBytes,
      send: (bytes) => { if (!this.#failed) this.#options.send(bytes); },
      closed: () => this.#forget(id),
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #forget(id: number): void {
    if (this.#streams.delete(id) && this.#isPeers(id)) this.#peerStreams -= 1;
  }

  #isPeers(id: number): boolean {
    return id % 2 === (this.#options.role === "client" ? 0 : 1);
  }

  #header(header: YamuxHeader): void {
    if (header.type === yamuxType.ping) return this.#ping(header);
    if (header.type === yamuxType.goAway) return this.#goneAway(header.length);
    if (header.streamId === 0) throw new YamuxError("The tunnel's peer sent a stream frame for stream 0");
    if ((header.flags & yamuxFlag.syn) !== 0) this.#accept(header.streamId);
    const stream = this.#streams.get(header.streamId);
    if (stream === undefined) return this.#strayFrame(header);
    if (header.type === yamuxType.data) return stream.expect(header.length);
    stream.grow(header.length);
    stream.receiveFlags(header.flags);
  }

  #ping(header: YamuxHeader): void {
    if ((header.flags & yamuxFlag.syn) !== 0) this.#options.send(encodeYamuxHeader(yamuxType.ping, yamuxFlag.ack, 0, header.length));
    else if ((header.flags & yamuxFlag.ack) !== 0) this.#options.pong?.(header.length);
  }

  #goneAway(code: number): void {
    this.#peerRefuses = true;
    this.#options.goneAway?.(code);
  }

  #accept(id: number): void {
    // Not in the order of their numbers: peers number streams before they queue their frames.
    if (!this.#isPeers(id) || this.#streams.has(id)) {
      throw new YamuxError(`The tunnel's peer opened stream ${id}, which is not its to open`);
    }
    this.#lastPeerId = Math.max(this.#lastPeerId, id);
    const { accept } = this.#options;
    if (accept === undefined || this.#refusing || this.#peerStreams >= this.#maxStreams) return this.#refuse(id);
    this.#peerStreams += 1;
    const stream = this.#create(id, yamuxFlag.ack);
    const events = accept(stream);
    if (events === undefined) return stream.reset();
    stream.listen(events);
    stream.acknowledge();
  }

  #refuse(id: number): void {
    this.#options.send(encodeYamuxHeader(yamuxType.windowUpdate, yamuxFlag.rst, id, 0));
  }

  /** Frames for a stream that has ended cross its end on the way; for one that never began they are an error. */
  #strayFrame(header: YamuxHeader): void {
    const began = this.#isPeers(header.streamId) ? header.streamId <= this.#lastPeerId : header.streamId < this.#nextId;
    if (!began) throw new YamuxError(`The tunnel's peer sent a frame for stream ${header.streamId}, which nobody opened`);
    if (header.type === yamuxType.data && header.length > this.#windowBytes) {
      throw new YamuxError(`The tunnel's peer sent more on stream ${header.streamId} than any window allows`);
    }
  }
}
