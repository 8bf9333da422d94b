/** Frame types of RFC 9113 that the watchers here look at. */
export const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const;

/** Flags; the meaning of 0x1 depends on the frame. */
export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** What a client sends before its first frame. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const HEADER_BYTES = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly length: number;
  /** Empty for DATA, whose bytes are nobody's business here. */
  readonly payload: Buffer;
}

/** Finds the frames in one direction of a connection, whatever the pieces it comes in. Reads along, changes nothing. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #skip: number;
  #missing = 0;
  #parts: Buffer[] = [];

  /** @param skip Bytes before the first frame: a client's preface. */
  constructor(onFrame: (frame: Frame) => void, skip = 0) {
    this.#onFrame = onFrame;
    this.#skip = skip;
  }

  /** The type of the frame that has begun and not ended; `undefined` between frames, and while the type has not come. */
  get openType(): number | undefined {
    return this.#headerBytes === HEADER_BYTES ? this.#header.readUInt8(3) : undefined;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at += this.#take(chunk, at);
  }

  #take(chunk: Buffer, at: number): number {
    if (this.#skip > 0) return this.#skipSome(chunk.length - at);
    if (this.#headerBytes < HEADER_BYTES) return this.#takeHeader(chunk, at);
    const count = Math.min(this.#missing, chunk.length - at);
    if (this.#header[3] !== frameType.data) this.#parts.push(Buffer.from(chunk.subarray(at, at + count)));
    this.#missing -= count;
    if (this.#missing === 0) this.#complete();
    return count;
  }

  #skipSome(available: number): number {
    const count = Math.min(this.#skip, available);
    this.#skip -= count;
    return count;
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const count = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += count;
    if (this.#headerBytes < HEADER_BYTES) return count;
    this.#missing = this.#header.readUIntBE(0, 3);
    if (this.#missing === 0) this.#complete();
    return count;
  }

  #complete(): void {
    const frame: Frame = {
      type: this.#header.readUInt8(3),
      flags: this.#header.readUInt8(4),
      streamId: this.#header.readUInt32BE(5) & 0x7fffffff,
      length: this.#header.readUIntBE(0, 3),
      payload: Buffer.concat(this.#parts),
    };
    this.#headerBytes = 0;
    this.#parts = [];
    this.#onFrame(frame);
  }
}

/** The bytes of a frame, for a peer that is played by hand. */
export function encodeFrame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame.writeUInt8(type, 3);
  frame.writeUInt8(flags, 4);
  frame.writeUInt32BE(streamId, 5);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** A HEADERS payload without padding and priority. */
export function headerFragment(frame: Frame): Buffer {
  let start = 0;
  let end = frame.payload.length;
  if (frame.flags & frameFlag.padded) {
    end -= frame.payload.readUInt8(0);
    start += 1;
  }
  if (frame.flags & frameFlag.priority) start += 5;
  return frame.payload.subarray(start, end);
}
