/** One field of a serialised protobuf message. */
export interface ProtoField {
  readonly number: number;
  /** A varint's value; the bytes of what has a length; `undefined` for numbers of fixed size. */
  readonly value: bigint | Uint8Array | undefined;
}

/**
 * The fields of a serialised message in the order in which they stand, without knowing its type.
 *
 * @throws {RangeError} For bytes that are no message; groups, which nobody writes any more, count as such.
 */
export function* protoFields(message: Uint8Array): Generator<ProtoField> {
  const cursor = new Cursor(message);
  while (cursor.left > 0) {
    const tag = cursor.varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0: yield { number, value: cursor.varint() }; break;
      case 1: cursor.take(8); yield { number, value: undefined }; break;
      case 2: yield { number, value: cursor.take(Number(cursor.varint())) }; break;
      case 5: cursor.take(4); yield { number, value: undefined }; break;
      default: throw new RangeError("A field has a wire type that is not in use");
    }
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new RangeError("A field is longer than its message");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError("A number has more than ten bytes");
  }
}
