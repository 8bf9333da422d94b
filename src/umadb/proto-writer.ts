import { utf8Length } from "./utf8-length.js";

/** Texts up to this length are written by hand when they are ASCII, which is faster than an encoder's call. */
const SHORT = 64;

/** Writes protobuf fields in the order of its calls into one buffer. What is `undefined` is left out. */
export class ProtoWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  #encoder: TextEncoder | undefined;

  /** @param room How many bytes are expected; there may be more. */
  constructor(room = 64) {
    this.#bytes = new Uint8Array(room);
  }

  /** An integer or, as 0 and 1, a boolean. */
  number(field: number, value: bigint | number | boolean | undefined): this {
    if (value === undefined) return this;
    let rest = BigInt(value);
    this.#varint(field * 8);
    this.#need(10);
    for (; rest > 127n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128;
    this.#bytes[this.#at++] = Number(rest);
    return this;
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    if (value === undefined) return this;
    this.#begin(field, value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  string(field: number, value: string | undefined): this {
    if (value === undefined) return this;
    const length = utf8Length(value);
    this.#begin(field, length);
    const at = this.#at;
    if (length <= SHORT && length === value.length) for (let n = 0; n < length; n++) this.#bytes[at + n] = value.charCodeAt(n);
    else (this.#encoder ??= new TextEncoder()).encodeInto(value, this.#bytes.subarray(at));
    this.#at += length;
    return this;
  }

  strings(field: number, values: readonly string[]): this {
    for (const value of values) this.string(field, value);
    return this;
  }

  /** A message inside this one, whose fields `write` writes. */
  message<Value>(field: number, value: Value | undefined, write: (value: Value, writer: this) => unknown): this {
    if (value === undefined) return this;
    this.#begin(field, 0);
    const start = this.#at;
    write(value, this);
    const length = this.#at - start;
    // There is one byte for the length; a longer one moves what was written.
    let more = 0;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) more++;
    this.#need(more);
    if (more > 0) this.#bytes.copyWithin(start + more, start, this.#at);
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
    return this;
  }

  /** What was written; nothing more can be. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  #begin(field: number, length: number): void {
    this.#varint(field * 8 + 2);
    this.#varint(length);
    this.#need(length);
  }

  #varint(value: number): void {
    this.#need(5);
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest & 127) | 128;
    this.#bytes[this.#at++] = rest;
  }

  #need(room: number): void {
    const wanted = this.#at + room;
    if (wanted <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
  }
}
