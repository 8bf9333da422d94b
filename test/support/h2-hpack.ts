/**
 * Just enough HPACK (RFC 7541) to read which method a request is for. Characters beyond printable ASCII are not decoded:
 * gRPC's header values have none.
 */

const STATIC_TABLE: readonly (readonly [string, string])[] = [
  [":authority", ""], [":method", "GET"], [":method", "POST"], [":path", "/"], [":path", "/index.html"],
  [":scheme", "http"], [":scheme", "https"], [":status", "200"], [":status", "204"], [":status", "206"],
  [":status", "304"], [":status", "400"], [":status", "404"], [":status", "500"], ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"], ["accept-language", ""], ["accept-ranges", ""], ["accept", ""],
  ["access-control-allow-origin", ""], ["age", ""], ["allow", ""], ["authorization", ""], ["cache-control", ""],
  ["content-disposition", ""], ["content-encoding", ""], ["content-language", ""], ["content-length", ""],
  ["content-location", ""], ["content-range", ""], ["content-type", ""], ["cookie", ""], ["date", ""], ["etag", ""],
  ["expect", ""], ["expires", ""], ["from", ""], ["host", ""], ["if-match", ""], ["if-modified-since", ""],
  ["if-none-match", ""], ["if-range", ""], ["if-unmodified-since", ""], ["last-modified", ""], ["link", ""],
  ["location", ""], ["max-forwards", ""], ["proxy-authenticate", ""], ["proxy-authorization", ""], ["range", ""],
  ["referer", ""], ["refresh", ""], ["retry-after", ""], ["server", ""], ["set-cookie", ""],
  ["strict-transport-security", ""], ["transfer-encoding", ""], ["user-agent", ""], ["vary", ""], ["via", ""],
  ["www-authenticate", ""],
];

/** The code is canonical: the characters of each length, in order, give the codes of all printable ASCII. */
const CODE_LENGTHS: readonly (readonly [number, string])[] = [
  [5, "012aceiost"],
  [6, " %-./3456789=A_bdfghlmnpru"],
  [7, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"],
  [8, "&*,;XZ"],
  [10, "!\"()?"],
  [11, "'+|"],
  [12, "#>"],
  [13, "\0$@[]~"],
  [14, "^}"],
  [15, "<`{"],
  [19, "\\"],
];

function huffmanCodes(): ReadonlyMap<string, string> {
  const codes = new Map<string, string>();
  let code = 0;
  let bits = 0;
  for (const [length, characters] of CODE_LENGTHS) {
    code <<= length - bits;
    bits = length;
    for (const character of characters) codes.set((code++).toString(2).padStart(length, "0"), character);
  }
  return codes;
}

/** Reads the header blocks of one direction of one connection, in order: each may depend on those before. */
export class HpackReader {
  readonly #codes = huffmanCodes();
  readonly #dynamic: (readonly [string, string])[] = [];
  #size = 0;
  #limit = 4_096;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  read(block: Buffer): [name: string, value: string][] {
    this.#block = block;
    this.#at = 0;
    const headers: [string, string][] = [];
    while (this.#at < block.length) {
      const header = this.#field();
      if (header !== undefined) headers.push([...header]);
    }
    return headers;
  }

  #field(): readonly [string, string] | undefined {
    const first = this.#block.readUInt8(this.#at);
    if (first & 0x80) return this.#entry(this.#integer(7));
    if ((first & 0xe0) === 0x20) {
      this.#limit = this.#integer(5);
      this.#evict();
      return undefined;
    }
    const indexed = (first & 0xc0) === 0x40;
    const index = this.#integer(indexed ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    const header = [name, this.#string()] as const;
    if (indexed) this.#remember(header);
    return header;
  }

  #entry(index: number): readonly [string, string] {
    const header = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#dynamic[index - STATIC_TABLE.length - 1];
    if (header === undefined) throw new Error(`HPACK: there is no entry ${index}`);
    return header;
  }

  #remember(header: readonly [string, string]): void {
    this.#dynamic.unshift(header);
    this.#size += sizeOf(header);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) {
      const oldest = this.#dynamic.pop();
      if (oldest === undefined) return;
      this.#size -= sizeOf(oldest);
    }
  }

  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#block.readUInt8(this.#at++) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const next = this.#block.readUInt8(this.#at++);
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
  }

  #string(): string {
    const coded = (this.#block.readUInt8(this.#at) & 0x80) !== 0;
    const length = this.#integer(7);
    const bytes = this.#block.subarray(this.#at, (this.#at += length));
    return coded ? this.#huffman(bytes) : bytes.toString("latin1");
  }

  #huffman(bytes: Buffer): string {
    let text = "";
    let code = "";
    for (const byte of bytes) {
      for (const bit of byte.toString(2).padStart(8, "0")) {
        code += bit;
        const character = this.#codes.get(code);
        if (character === undefined) continue;
        text += character;
        code = "";
      }
    }
    if (code.length > 7) throw new Error("HPACK: a character beyond printable ASCII");
    return text;
  }
}

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + 32;
}
