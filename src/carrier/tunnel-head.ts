import type { MillraceError } from "../core/errors.js";
import type { TunnelTools } from "./tunnel-tools.js";

/** The largest head that either side takes, in bytes without its length. */
const MAX_HEAD_BYTES = 16 * 1024;

/** Bytes of the length (big endian) before each head. */
const LENGTH_BYTES = 4;

/**
 * The first message of a tunnel, and the head of each call: the page's side of `wire/header-block.ts`. Only the gateway
 * looks closely at what it reads; here the platform's `Headers` has made sure that a value is one line.
 *
 * @param path Left out where no method is called.
 * @throws {MillraceError} `invalid_argument` for a path that is none, `resource_exhausted` above 16 KiB. Nothing was sent.
 */
export function encodeHead(path: string | undefined, headers: Headers, { MillraceError }: Pick<TunnelTools, "MillraceError">): Uint8Array<ArrayBuffer> {
  if (path !== undefined && !/^\/[!-~]*$/.test(path)) throw new MillraceError("invalid_argument", "`path` must begin with a slash and hold visible ASCII alone");
  let text = path === undefined ? "" : `:path: ${path}\r\n`;
  headers.forEach((value, name) => { text += `${name}: ${value}\r\n`; });
  const { length } = text;
  if (length > MAX_HEAD_BYTES) throw tooLarge(MillraceError, length, "no");
  const bytes = new Uint8Array(LENGTH_BYTES + length);
  new DataView(bytes.buffer).setUint32(0, length);
  for (let at = 0; at < length; at++) bytes[LENGTH_BYTES + at] = text.charCodeAt(at);
  return bytes;
}

/** Takes the head off the beginning of bytes that may be cut anywhere. Holds no more than it. */
export class HeadReader {
  /** What it says, once it is complete. */
  headers: Headers | undefined;
  readonly #MillraceError: TunnelTools["MillraceError"];
  #text = "";
  /** How long the head is with its length, as far as that is known. */
  #end = LENGTH_BYTES;

  constructor({ MillraceError }: Pick<TunnelTools, "MillraceError">) {
    this.#MillraceError = MillraceError;
  }

  /**
   * Takes the next bytes.
   *
   * @returns What follows the head: nothing while it is not complete.
   * @throws {MillraceError} `protocol` for what is no head, `resource_exhausted` above 16 KiB.
   */
  push(bytes: Uint8Array): Uint8Array {
    if (this.headers !== undefined) return bytes;
    let at = 0;
    for (; at < bytes.length && this.#text.length < this.#end; at++) {
      // Each byte as the character of that number, as HTTP reads header values.
      this.#text += String.fromCharCode(bytes[at] as number);
      if (this.#text.length === LENGTH_BYTES) this.#end += lengthOf(this.#text, this.#MillraceError);
    }
    if (this.#text.length === this.#end) this.headers = parseHead(this.#text.slice(LENGTH_BYTES), this.#MillraceError);
    return bytes.subarray(at);
  }
}

function lengthOf(text: string, Failure: TunnelTools["MillraceError"]): number {
  let length = 0;
  for (let at = 0; at < LENGTH_BYTES; at++) length = length * 256 + text.charCodeAt(at);
  if (length > MAX_HEAD_BYTES) throw tooLarge(Failure, length, "unknown");
  return length;
}

function parseHead(text: string, Failure: TunnelTools["MillraceError"]): Headers {
  const lines = text.split("\r\n");
  try {
    if (lines.pop() !== "") throw new TypeError("Its last line has no end");
    return new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)];
    }));
  } catch (cause) {
    throw new Failure("protocol", "A head in the tunnel is malformed", { applied: "unknown", cause });
  }
}

function tooLarge(Failure: TunnelTools["MillraceError"], bytes: number, applied: "no" | "unknown"): MillraceError {
  return new Failure("resource_exhausted", `A head has ${bytes} bytes, ${MAX_HEAD_BYTES} are allowed`, { applied });
}
