/** One array holding all of `parts` in order; its buffer is exactly as long. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Characters handed to one `fromCharCode` call; engines limit the number of arguments. */
const SLICE = 8_192;

/**
 * Each byte as the character of that number, which is how HTTP reads header values. (`TextDecoder("latin1")` is
 * windows-1252 and changes 0x80 to 0x9f.)
 */
export function fromLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += SLICE) text += String.fromCharCode(...bytes.subarray(at, at + SLICE));
  return text;
}

/** Each character as one byte; what does not fit into a byte is written as `?`. */
export function toLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code > 0xff ? 0x3f : code;
  }
  return bytes;
}

/** Whether UTF-8 can hold `text`: a surrogate without its partner cannot be sent. */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
