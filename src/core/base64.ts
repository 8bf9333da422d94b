import { fromLatin1 } from "./bytes.js";

/** `bytes` in the standard alphabet, padded unless `padding` is false (gRPC's binary headers go without). */
export function toBase64(bytes: Uint8Array, padding = true): string {
  const text = btoa(fromLatin1(bytes));
  return padding ? text : text.replace(/=+$/, "");
}

/**
 * The bytes of a base64 text, padded or not, in the standard or the URL alphabet.
 *
 * @returns `undefined` when it is none; never throws, because the text usually comes from a foreign server.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(standard)) return undefined;
  try {
    return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
