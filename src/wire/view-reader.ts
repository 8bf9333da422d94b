import { concatBytes } from "../core/bytes.js";
import { MillraceError, type Applied, type SystemName } from "../core/errors.js";
import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "./envelope.js";

/** Longer texts, in bytes, are left to a decoder. */
const SHORT = 128;

/**
 * Where a value begins that is decoded when it is asked for, and that value itself from then on; 0 where the message
 * does not have it. A field of a view holds both in turn, so that it costs one word.
 */
export type Lazy<Value> = Value | number;

/** Where a message inside another begins, 0 where there is none; a reader of the whole of it when it came in parts. */
export type Part = ViewReader | number;

/**
 * Walks protobuf messages in place: the views of a chunk share the one that scanned it.
 *
 * A scan goes through every field of every message with `key` and `skip`, which proves the structure: lengths, numbers
 * and ends. Whatever reaches past the end of its message is found by the `key` after it at the latest, and no byte past
 * the end of the chunk is ever read. What texts hold is checked when they are decoded, since that takes as long as half
 * a scan and most are never asked for.
 *
 * @throws {MillraceError} From any method, `protocol`: the bytes are no such message. Nothing else is thrown.
 */
export class ViewReader {
  /** What is walked; views on it are handed out. */
  readonly bytes: Uint8Array;
  /** The next byte. */
  at = 0;
  readonly #system: SystemName;
  readonly #applied: Applied;
  #high = 0;
  #decoder: TextDecoder | undefined;

  /** @param applied For the error of bytes that are no message: what the answer to a write leaves open. */
  constructor(bytes: Uint8Array, system: SystemName, applied: Applied = "no") {
    // Views on a subclass, Node's Buffer, would be of that class, whose methods do other things.
    this.bytes = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#system = system;
    this.#applied = applied;
  }

  /** Steps into the next data envelope of a chunk. @returns Where its message ends; 0 when there is none. */
  envelope(): number {
    const { at, bytes } = this;
    if (at === bytes.length) return 0;
    const end = at + ENVELOPE_HEADER_BYTES + envelopeLength(bytes, at);
    if (!(end <= bytes.length) || bytes[at] !== envelopeFlag.data) throw this.#wrong("a chunk does not consist of whole data envelopes");
    this.at = at + ENVELOPE_HEADER_BYTES;
    return end;
  }

  /** `field number * 8 + wire type` of the next field; 0 at `end`, the end of the message. */
  key(end: number): number {
    if (this.at < end) {
      const key = this.uint32();
      if (key > 7 && this.#high === 0) return key;
    } else if (this.at === end) return 0;
    throw this.#wrong("a field has no possible number, or is longer than its message");
  }

  /** The low 32 bits of a varint. */
  uint32(): number {
    const byte = this.bytes[this.at] as number;
    if (!(byte < 0x80)) return this.#long();
    this.at++;
    this.#high = 0;
    return byte;
  }

  #long(): number {
    let low = 0;
    let high = 0;
    let shift = 0;
    let byte: number | undefined;
    do {
      byte = this.bytes[this.at++];
      if (byte === undefined || shift > 63) throw this.#wrong("a number has no end");
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 24) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      shift += 7;
    } while (byte > 0x7f);
    this.#high = high;
    return low >>> 0;
  }

  uint64(): bigint {
    const low = this.uint32();
    const high = this.#high >>> 0;
    // One bigint and not four, for all that a double holds exactly.
    return high < 0x20_0000 ? BigInt(high * 0x1_0000_0000 + low) : (BigInt(high) << 32n) | BigInt(low);
  }

  /** Steps to the value of a field with a length, a message too. @returns Where it ends. */
  span(): number {
    const end = this.uint32() + this.at;
    if (end > this.bytes.length) throw this.#wrong("a field is longer than all that came");
    return end;
  }

  /** Passes over the value that `key` announces. */
  skip(key: number): void {
    switch (key & 7) {
      case 0: {
        let left = 10;
        while ((this.bytes[this.at++] as number) > 0x7f) if (--left === 0) throw this.#wrong("a number has no end");
        break;
      }
      case 1: this.at += 8; break;
      case 2: this.at = this.span(); break;
      case 5: this.at += 4; break;
      default: throw this.#wrong("a field has no known type");
    }
  }

  /**
   * Passes over a message inside another. When it comes again, protobuf makes one message of both: the fields of the
   * first and then those of the second.
   */
  part(before: Part): Part {
    const { at } = this;
    this.skip(2);
    if (before === 0) return at;
    const first = typeof before === "number" ? dataOf(this, before) : before.bytes;
    return new ViewReader(concatBytes([first, dataOf(this, at)]), this.#system, this.#applied);
  }

  /** Steps into a part that begins here, or that is read here. @returns Where it ends. */
  enter(part: Part): number {
    this.at = 0;
    if (typeof part !== "number") return this.bytes.length;
    this.at = part;
    return this.span();
  }

  /** A view of the bytes that begin here. */
  data(): Uint8Array {
    const end = this.span();
    const data = this.bytes.subarray(this.at, end);
    this.at = end;
    return data;
  }

  /** A text; a byte order mark stays. Short ASCII by hand, which takes half as long as a decoder. */
  text(): string {
    const { bytes } = this;
    const end = this.span();
    const start = this.at;
    this.at = end;
    if (end - start > SHORT) return this.#decode(start, end);
    let at = start;
    let all = 0;
    let text = "";
    const take = String.fromCharCode;
    for (; at + 8 <= end; at += 8) {
      const a = bytes[at] as number, b = bytes[at + 1] as number, c = bytes[at + 2] as number, d = bytes[at + 3] as number;
      const e = bytes[at + 4] as number, f = bytes[at + 5] as number, g = bytes[at + 6] as number, h = bytes[at + 7] as number;
      all |= a | b | c | d | e | f | g | h;
      if (all > 0x7f) return this.#decode(start, end);
      text += take(a, b, c, d, e, f, g, h);
    }
    if (at + 4 <= end) {
      const a = bytes[at] as number, b = bytes[at + 1] as number, c = bytes[at + 2] as number, d = bytes[at + 3] as number;
      all |= a | b | c | d;
      text += take(a, b, c, d);
      at += 4;
    }
    for (; at < end; at++) {
      const a = bytes[at] as number;
      all |= a;
      text += take(a);
    }
    return all > 0x7f ? this.#decode(start, end) : text;
  }

  #decode(start: number, end: number): string {
    try {
      return (this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true, fatal: true })).decode(this.bytes.subarray(start, end));
    } catch {
      throw this.#wrong("a text is not UTF-8");
    }
  }

  #wrong(how: string): MillraceError {
    return new MillraceError("protocol", `The server sent a message that cannot be decoded: ${how}`, { system: this.#system, applied: this.#applied });
  }
}

/** The text that begins at `lazy`, or that was decoded before. */
export function textOf(reader: ViewReader, lazy: Lazy<string>): string {
  if (typeof lazy === "string") return lazy;
  if (lazy === 0) return "";
  reader.at = lazy;
  return reader.text();
}

/** The bytes that begin at `lazy`, or that were looked at before; views. */
export function dataOf(reader: ViewReader, lazy: Lazy<Uint8Array>): Uint8Array {
  if (typeof lazy !== "number") return lazy;
  if (lazy === 0) return new Uint8Array(0);
  reader.at = lazy;
  return reader.data();
}

/** The number that begins at `lazy`, or that was decoded before. */
export function numberOf(reader: ViewReader, lazy: Lazy<bigint>): bigint {
  if (typeof lazy === "bigint") return lazy;
  if (lazy === 0) return 0n;
  reader.at = lazy;
  return reader.uint64();
}

/**
 * Has `take` read each value of a repeated field.
 *
 * @param first Where the first one begins; 0 when there is none.
 * @param end The end of the message.
 */
export function eachOf(reader: ViewReader, first: number, end: number, key: number, take: () => void): void {
  if (first === 0) return;
  reader.at = first;
  take();
  for (let next = reader.key(end); next !== 0; next = reader.key(end)) {
    if (next === key) take();
    else reader.skip(next);
  }
}
