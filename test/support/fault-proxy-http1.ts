import type { Direction } from "./fault.js";
import type { Phase, PhaseWatch } from "./fault-proxy-phases.js";

/** The phases of an HTTP/1.1 connection that carries gRPC-Web, one call after the other. */
export class Http1Phases implements PhaseWatch {
  readonly #request = new MessageReader();
  readonly #response = new MessageReader();

  get phase(): Phase {
    const { begun, ended } = this.#request;
    if (begun === 0) return "connecting";
    if (ended < begun) return "request";
    if (this.#response.ended === ended) return "quiet";
    if (!this.#response.inBody) return "awaiting";
    return this.#response.inEnvelope ? "mid-frame" : "idle";
  }

  push(direction: Direction, chunk: Buffer): void {
    (direction === "to-server" ? this.#request : this.#response).push(chunk);
  }
}

const LINE_END = 10;

/** Finds the HTTP messages of one direction: their heads, and their bodies by length or in chunks. */
class MessageReader {
  /** Messages of which something, and of which all has come. */
  begun = 0;
  ended = 0;
  inBody = false;
  readonly #envelopes = new EnvelopeReader();
  #line = "";
  #head = "";
  /** Of the body or the current chunk; `undefined` where a line is read. */
  #missing: number | undefined;
  #chunked = false;
  #lastChunk = false;

  /** Whether some of an envelope has come, but not all. */
  get inEnvelope(): boolean {
    return this.#envelopes.open;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#missing === undefined) this.#byteOfLine(chunk[at++] as number);
      else at += this.#body(chunk.subarray(at));
    }
  }

  #byteOfLine(byte: number): void {
    if (!this.inBody && this.#head === "" && this.#line === "") this.begun += 1;
    this.#line += String.fromCharCode(byte);
    if (byte !== LINE_END) return;
    const line = this.#line.trim();
    this.#line = "";
    if (this.inBody) this.#chunkLine(line);
    else if (line !== "") this.#head += `${line.toLowerCase()}\n`;
    else this.#headEnds();
  }

  #headEnds(): void {
    const length = Number(/^content-length: *(\d+)$/m.exec(this.#head)?.[1] ?? 0);
    this.#chunked = /^transfer-encoding: *chunked$/m.test(this.#head);
    this.#head = "";
    this.inBody = true;
    if (this.#chunked) return;
    this.#missing = length;
    if (length === 0) this.#ends();
  }

  /** The size of a chunk, or the empty line that follows its data. */
  #chunkLine(line: string): void {
    if (line === "") return void (this.#lastChunk && this.#ends());
    const size = Number.parseInt(line, 16);
    if (size === 0) this.#lastChunk = true;
    else this.#missing = size;
  }

  #body(bytes: Buffer): number {
    const count = Math.min(this.#missing ?? 0, bytes.length);
    this.#envelopes.push(bytes.subarray(0, count));
    this.#missing = (this.#missing ?? 0) - count;
    if (this.#missing > 0) return count;
    if (this.#chunked) this.#missing = undefined;
    else this.#ends();
    return count;
  }

  #ends(): void {
    this.ended += 1;
    this.inBody = false;
    this.#missing = undefined;
    this.#lastChunk = false;
    this.#envelopes.reset();
  }
}

/** Whether a gRPC envelope is under way. */
class EnvelopeReader {
  readonly #header = Buffer.alloc(5);
  #headerBytes = 0;
  #missing = 0;

  get open(): boolean {
    return this.#headerBytes > 0;
  }

  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += this.#take(bytes, at);
  }

  reset(): void {
    this.#headerBytes = 0;
    this.#missing = 0;
  }

  #take(bytes: Buffer, at: number): number {
    const inHeader = this.#headerBytes < this.#header.length;
    const count = inHeader ? bytes.copy(this.#header, this.#headerBytes, at) : Math.min(this.#missing, bytes.length - at);
    if (!inHeader) this.#missing -= count;
    else {
      this.#headerBytes += count;
      if (this.#headerBytes === this.#header.length) this.#missing = this.#header.readUInt32BE(1);
    }
    if (this.#headerBytes === this.#header.length && this.#missing === 0) this.reset();
    return count;
  }
}
