/** Bytes of a yamux frame header; every frame begins with one. */
export const YAMUX_HEADER_BYTES = 12;

/** The window that each direction of a stream begins with, in bytes. Fixed by the protocol. */
export const YAMUX_INITIAL_WINDOW = 256 * 1024;

/** The peer broke the protocol. A class of its own, so that it is told apart from whatever else goes wrong meanwhile. */
export class YamuxError extends Error {
  override name = "YamuxError";
}

/** Frame types of yamux version 0. */
export const yamuxType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;

/** Frame flags of yamux version 0; a frame may carry several. */
export const yamuxFlag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;

/** Why a side stops taking new streams, as the go-away frame says it. */
export const yamuxGoAway = { normal: 0, protocolError: 1, internalError: 2 } as const;

/** One frame's header. What `length` means depends on `type`: bytes of payload, a window's growth, a ping's value, a go-away's reason. */
export interface YamuxHeader {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly length: number;
}

/** A header as its twelve bytes. */
export function encodeYamuxHeader(type: number, flags: number, streamId: number, length: number): Uint8Array {
  const bytes = new Uint8Array(YAMUX_HEADER_BYTES);
  writeYamuxHeader(bytes, 0, type, flags, streamId, length);
  return bytes;
}

/** A data frame: header and payload in one array. */
export function encodeYamuxData(flags: number, streamId: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(YAMUX_HEADER_BYTES + payload.length);
  writeYamuxHeader(bytes, 0, yamuxType.data, flags, streamId, payload.length);
  bytes.set(payload, YAMUX_HEADER_BYTES);
  return bytes;
}

function writeYamuxHeader(bytes: Uint8Array, at: number, type: number, flags: number, streamId: number, length: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, YAMUX_HEADER_BYTES);
  view.setUint8(1, type);
  view.setUint16(2, flags);
  view.setUint32(4, streamId);
  view.setUint32(8, length);
}

/** What a {@link YamuxReader} tells about the bytes it is given. */
export interface YamuxReaderEvents {
  /** A frame's header is complete. */
  header(header: YamuxHeader): void;
  /** A piece of the last data frame's payload, not empty; a view on the bytes given. */
  payload(streamId: number, piece: Uint8Array): void;
  /** The last data frame's payload is complete. Comes for data frames only, empty ones included. */
  dataEnd(header: YamuxHeader): void;
}

const KNOWN_FLAGS = yamuxFlag.syn | yamuxFlag.ack | yamuxFlag.fin | yamuxFlag.rst;

/**
 * Reads yamux frames from bytes that may be cut anywhere. A payload is handed on as it comes, so nothing larger than
 * a header is ever held.
 *
 * @throws {YamuxError} on another version, an unknown type or unknown flags. The connection is of no use then.
 */
export class YamuxReader {
  readonly #events: YamuxReaderEvents;
  readonly #head = new Uint8Array(YAMUX_HEADER_BYTES);
  #headBytes = 0;
  #current: YamuxHeader | undefined;
  #left = 0;

  constructor(events: YamuxReaderEvents) {
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      at = this.#current === undefined ? this.#readHeader(bytes, at) : this.#readPayload(this.#current, bytes, at);
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const take = Math.min(YAMUX_HEADER_BYTES - this.#headBytes, bytes.length - at);
    this.#head.set(bytes.subarray(at, at + take), this.#headBytes);
    this.#headBytes += take;
    if (this.#headBytes === YAMUX_HEADER_BYTES) {
      this.#headBytes = 0;
      this.#begin(decodeYamuxHeader(this.#head));
    }
    return at + take;
  }

  #begin(header: YamuxHeader): void {
    this.#events.header(header);
    if (header.type !== yamuxType.data) return;
    if (header.length === 0) return this.#events.dataEnd(header);
    this.#current = header;
    this.#left = header.length;
  }

  #readPayload(header: YamuxHeader, bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#events.payload(header.streamId, bytes.subarray(at, end));
    if (this.#left === 0) {
      this.#current = undefined;
      this.#events.dataEnd(header);
    }
    return end;
  }
}

/**
 * A header from its twelve bytes.
 *
 * @throws {YamuxError} on another version, an unknown type or unknown flags.
 */
export function decodeYamuxHeader(bytes: Uint8Array): YamuxHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, YAMUX_HEADER_BYTES);
  const version = view.getUint8(0);
  const header = { type: view.getUint8(1), flags: view.getUint16(2), streamId: view.getUint32(4), length: view.getUint32(8) };
  if (version !== 0) throw new YamuxError(`The tunnel's peer speaks yamux version ${version}, expected 0`);
  if (header.type > yamuxType.goAway) throw new YamuxError(`The tunnel's peer sent a yamux frame of unknown type ${header.type}`);
  if ((header.flags & ~KNOWN_FLAGS) !== 0) throw new YamuxError(`The tunnel's peer sent a yamux frame with unknown flags ${header.flags}`);
  return header;
}
