/** Strings up to this many bytes are tried as ASCII first, which is faster than a decoder's call. */
const SHORT = 256;

/**
 * Reads protobuf fields one after the other, for decoders written by hand: `key()`, then the value that it announces,
 * or `skip()`. Bytes are views on what is read.
 *
 * @throws {RangeError} From any method, when the bytes are no whole message.
 */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;
  #high = 0;
  #decoder: TextDecoder | undefined;

  constructor(bytes: Uint8Array) {
    // Views on a subclass, Node's Buffer, would be of that class, whose methods do other things.
    this.#bytes = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#end = bytes.length;
  }

  /** Field number and wire type of the next field as they stand on the wire; 0 at the end of the message. */
  key(): number {
    if (this.#at === this.#end) return 0;
    const key = this.uint32();
    if (key < 8) throw new RangeError("a field has the number 0");
    return key;
  }

  /** The low 32 bits of a varint; the others are in `#high` then. */
  uint32(): number {
    let low = 0;
    this.#high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#advance(1)] as number;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 24) this.#high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      if (byte < 0x80) return low >>> 0;
    }
    throw new RangeError("a number is too long");
  }

  uint64(): bigint {
    const low = BigInt(this.uint32());
    return this.#high === 0 ? low : low | (BigInt(this.#high >>> 0) << 32n);
  }

  bytes(): Uint8Array {
    const start = this.#advance(this.uint32());
    return this.#bytes.subarray(start, this.#at);
  }

  /** What is no UTF-8 becomes the replacement character; a byte order mark stays. */
  string(): string {
    const bytes = this.bytes();
    const { length } = bytes;
    let ascii = length <= SHORT;
    for (let at = 0; ascii && at < length; at++) ascii = (bytes[at] as number) < 0x80;
    if (ascii) return String.fromCharCode.apply(null, bytes as unknown as number[]);
    return (this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true })).decode(bytes);
  }

  /** A message inside this one: `decode` sees its fields only. */
  message<T>(decode: (reader: ProtoReader) => T): T {
    const end = this.#end;
    const start = this.#advance(this.uint32());
    this.#end = this.#at;
    this.#at = start;
    const message = decode(this);
    this.#at = this.#end;
    this.#end = end;
    return message;
  }

  /** Passes over the value that `key` announces. */
  skip(key: number): void {
    switch (key & 7) {
      case 0: this.uint64(); break;
      case 1: this.#advance(8); break;
      case 2: this.#advance(this.uint32()); break;
      case 5: this.#advance(4); break;
      default: throw new RangeError("a field has no known type");
    }
  }

  /** Moves on; @returns where it was. */
  #advance(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new RangeError("the message ends early");
    this.#at = start + length;
    return start;
  }
}
