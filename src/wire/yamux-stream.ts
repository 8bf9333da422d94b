import { encodeYamuxData, encodeYamuxHeader, YAMUX_INITIAL_WINDOW, YamuxError, yamuxFlag, yamuxType } from "./yamux.js";

/** What the user of a stream is told. After `end` and one's own `end()`, but for a last `drain`, or after `reset`, nothing more comes. */
export interface YamuxStreamEvents {
  /**
   * Bytes from the peer: a view on the bytes received. They count against the window until {@link YamuxStream.consumed}
   * is told of them.
   */
  data(piece: Uint8Array): void;
  /** The peer sends no more. */
  end(): void;
  /** The stream is over on both sides: by the peer's reset (`cause` is `undefined`) or by the loss of the connection. */
  reset(cause: unknown): void;
  /** What was kept has left; write on. Comes also when the stream's end has left with it. */
  drain(): void;
}

/** What a stream needs of its session. */
export interface YamuxStreamHost {
  readonly firstFlags: number;
  readonly windowBytes: number;
  send(bytes: Uint8Array): void;
  closed(): void;
}

const NOBODY: YamuxStreamEvents = { data() {}, end() {}, reset() {}, drain() {} };

/** One stream of a yamux connection: half-closable, with a window each way. Made by a session. */
export class YamuxStream {
  readonly id: number;
  readonly #host: YamuxStreamHost;
  #events: YamuxStreamEvents = NOBODY;
  #flags: number;
  #sendWindow = YAMUX_INITIAL_WINDOW;
  /** What the peer may still send, as it knows it. */
  #receiveWindow: number;
  #credit: number;
  #queue: Uint8Array[] = [];
  #localEnd = false;
  #finSent = false;
  #peerEnd = false;
  #over = false;

  constructor(id: number, host: YamuxStreamHost) {
    this.id = id;
    this.#host = host;
    this.#flags = host.firstFlags;
    this.#receiveWindow = YAMUX_INITIAL_WINDOW;
    this.#credit = host.windowBytes - YAMUX_INITIAL_WINDOW;
  }

  /** Sets the listener; done once, before the first byte. */
  listen(events: YamuxStreamEvents): void {
    this.#events = events;
  }

  /**
   * Sends bytes, or keeps them until the peer's window allows it. The bytes must not change afterwards.
   *
   * @returns False when some are kept: stop writing until `drain`.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#over || this.#localEnd) return false;
    if (bytes.length > 0) this.#queue.push(bytes);
    this.#flush();
    return this.#queue.length === 0;
  }

  /** Sends no more after what was written. Idempotent. */
  end(): void {
    if (this.#over || this.#localEnd) return;
    this.#localEnd = true;
    this.#flush();
  }

  /** Ends the stream on both sides at once; what was kept is dropped. Idempotent. */
  reset(): void {
    if (this.#over) return;
    const unknownToPeer = (this.#flags & yamuxFlag.syn) !== 0;
    if (!unknownToPeer) this.#sendWindowUpdate(yamuxFlag.rst, 0);
    this.#close();
  }

  /** `bytes` of what `data` brought are taken: the peer may send as many more. */
  consumed(bytes: number): void {
    if (this.#over || this.#peerEnd) return;
    this.#credit += bytes;
    if (this.#credit >= this.#host.windowBytes / 2) this.#sendCredit();
  }

  /** Tells the peer that the stream was accepted, and how large its window is. For the session. */
  acknowledge(): void {
    if (!this.#over && (this.#flags & yamuxFlag.ack) !== 0) this.#sendCredit();
  }

  /**
   * A data frame's header: its length must fit the window. For the session.
   *
   * @throws {YamuxError} when it does not, or when the peer had ended the stream.
   */
  expect(length: number): void {
    if (this.#peerEnd && length > 0) throw new YamuxError(`The tunnel's peer sent data on stream ${this.id} after its end`);
    if (length > this.#receiveWindow) throw new YamuxError(`The tunnel's peer sent more on stream ${this.id} than its window allows`);
    this.#receiveWindow -= length;
  }

  /** A piece of a data frame. For the session. */
  receive(piece: Uint8Array): void {
    this.#events.data(piece);
  }

  /**
   * The peer's window grows. For the session.
   *
   * @throws {YamuxError} when it grows past 2^32 - 1.
   */
  grow(bytes: number): void {
    this.#sendWindow += bytes;
    if (this.#sendWindow > 0xffff_ffff) throw new YamuxError(`The tunnel's peer lets the window of stream ${this.id} grow without bound`);
    if (bytes === 0 || this.#queue.length === 0) return;
    this.#flush();
    if (this.#queue.length === 0) this.#events.drain();
  }

  /** The flags of a frame whose payload was handed on. For the session. */
  receiveFlags(flags: number): void {
    if ((flags & yamuxFlag.rst) !== 0) return this.#lost(undefined);
    if ((flags & yamuxFlag.fin) === 0 || this.#peerEnd) return;
    this.#peerEnd = true;
    this.#events.end();
    this.#closeIfDone();
  }

  /** The connection is gone. For the session. */
  abandon(cause: unknown): void {
    this.#lost(cause);
  }

  #lost(cause: unknown): void {
    if (this.#over) return;
    this.#close();
    this.#events.reset(cause);
  }

  #flush(): void {
    if (this.#credit > 0 && (this.#flags & yamuxFlag.syn) !== 0) this.#sendCredit();
    while (this.#queue.length > 0 && this.#sendWindow > 0) this.#sendSome();
    if (this.#queue.length > 0 || !this.#localEnd || this.#finSent) return;
    this.#finSent = true;
    this.#sendWindowUpdate(yamuxFlag.fin, this.#takeCredit());
    this.#closeIfDone();
  }

  #sendSome(): void {
    const first = this.#queue[0] as Uint8Array;
    const piece = first.length <= this.#sendWindow ? first : first.subarray(0, this.#sendWindow);
    if (piece === first) this.#queue.shift();
    else this.#queue[0] = first.subarray(piece.length);
    this.#sendWindow -= piece.length;
    this.#host.send(encodeYamuxData(this.#takeFlags(), this.id, piece));
  }

  #sendCredit(): void {
    this.#sendWindowUpdate(0, this.#takeCredit());
  }

  #sendWindowUpdate(flags: number, delta: number): void {
    this.#host.send(encodeYamuxHeader(yamuxType.windowUpdate, flags | this.#takeFlags(), this.id, delta));
  }

  #takeCredit(): number {
    const credit = this.#credit;
    this.#credit = 0;
    this.#receiveWindow += credit;
    return credit;
  }

  #takeFlags(): number {
    const flags = this.#flags;
    this.#flags = 0;
    return flags;
  }

  #closeIfDone(): void {
    if (this.#finSent && this.#peerEnd) this.#close();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = [];
    this.#host.closed();
  }
}
