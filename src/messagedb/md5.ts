/** Bits that each round rotates by, four for each of the four kinds of round. */
const ROTATE = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const;

/**
 * MD5 (RFC 1321) of a text in UTF-8, as 32 hex digits. Only for what others have hashed with it: platforms offer none
 * in `crypto.subtle`, since it protects nothing.
 */
export function md5(text: string): string {
  const state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  const blocks = padded(new TextEncoder().encode(text));
  for (let at = 0; at < blocks.length; at += 16) mix(state, blocks.subarray(at, at + 16));
  return Array.from(new Uint8Array(state.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whole blocks of sixteen little-endian words: the bytes, one bit, zeros, and the length in bits. */
function padded(bytes: Uint8Array): Int32Array {
  const words = new Int32Array((((bytes.length + 8) >> 6) + 1) << 4);
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = (words[i >> 2] as number) | ((bytes[i] as number) << ((i & 3) << 3));
  words[bytes.length >> 2] = (words[bytes.length >> 2] as number) | (0x80 << ((bytes.length & 3) << 3));
  words[words.length - 2] = bytes.length << 3;
  words[words.length - 1] = bytes.length >>> 29;
  return words;
}

function mix(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const kind = i >> 4;
    const chosen = kind === 0 ? (b & c) | (~b & d) : kind === 1 ? (d & b) | (~d & c) : kind === 2 ? b ^ c ^ d : c ^ (b | ~d);
    const word = kind === 0 ? i : kind === 1 ? 5 * i + 1 : kind === 2 ? 3 * i + 5 : 7 * i;
    const constant = Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32);
    const sum = (a + chosen + constant + (words[word & 15] as number)) | 0;
    const by = ROTATE[(kind << 2) | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << by) | (sum >>> (32 - by)))) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
}
