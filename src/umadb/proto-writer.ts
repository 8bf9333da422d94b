import { concatBytes } from "../core/bytes.js";

/** Writes protobuf fields in the order of its calls, for encoders written by hand. What is `undefined` is left out. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  /** An integer or, as 0 and 1, a boolean. */
  number(field: number, value: bigint | number | boolean | undefined): this {
    if (value !== undefined) this.#parts.push(varint(field * 8), varint(value));
    return this;
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    if (value !== undefined) this.#parts.push(varint(field * 8 + 2), varint(value.length), value);
    return this;
  }

  string(field: number, value: string | undefined): this {
    return value === undefined ? this : this.bytes(field, new TextEncoder().encode(value));
  }

  strings(field: number, values: readonly string[]): this {
    for (const value of values) this.string(field, value);
    return this;
  }

  /** A message inside this one. */
  message(field: number, value: ProtoWriter | undefined): this {
    return value === undefined ? this : this.bytes(field, value.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.#parts);
  }
}

function varint(value: bigint | number | boolean): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
