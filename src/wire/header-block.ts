import { concatBytes, fromLatin1, toLatin1 } from "../core/bytes.js";
import { MillraceError } from "../core/errors.js";
import { HEARTBEAT_HEADER, isProtocolHeader } from "./header-names.js";

/** The largest header block, in bytes without its length. */
export const MAX_HEADER_BLOCK_BYTES = 16 * 1024;

/** Bytes of the length (big endian) before each block. */
const LENGTH_BYTES = 4;

/** What begins a tunnel, and each direction of a call in it. */
export interface HeaderBlock {
  /** The method that is called, as it was sent; `undefined` where none is. */
  readonly path: string | undefined;
  /** Names in lower case, in the order in which they were sent; a name may come again. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const PATH = ":path";
/** A path is compared byte for byte, so only what needs no decoding may stand in it. */
const PATH_VALUE = /^\/[\x21-\x7e]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * A block with its length before it.
 *
 * @param path Left out where no method is called.
 * @param headers Names in any case.
 * @throws {MillraceError} `invalid_argument` for what a reader would refuse, `resource_exhausted` above 16 KiB. The text
 *   shows no value.
 */
export function encodeHeaderBlock(path: string | undefined, headers: Iterable<readonly [string, string]>): Uint8Array<ArrayBuffer> {
  let text = "";
  const add = (name: string, value: string): void => {
    const wrong = wrongLine(name, value);
    if (wrong !== undefined) throw new MillraceError("invalid_argument", `The call cannot be sent: ${wrong}`);
    text += `${name}: ${value}\r\n`;
  };
  if (path !== undefined) add(PATH, path);
  for (const [name, value] of headers) add(name.toLowerCase(), value);
  if (text.length > MAX_HEADER_BLOCK_BYTES) throw tooLarge(text.length, "no");
  const bytes = new Uint8Array(LENGTH_BYTES + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length);
  bytes.set(toLatin1(text), LENGTH_BYTES);
  return bytes;
}

/** Takes a header block off the beginning of bytes that may be cut anywhere. Holds no more than the block. */
export class HeaderBlockReader {
  #held: Uint8Array = new Uint8Array(0);
  #block: HeaderBlock | undefined;

  /** The block, once it is complete. */
  get block(): HeaderBlock | undefined {
    return this.#block;
  }

  /**
   * Takes the next bytes.
   *
   * @returns What follows the block: nothing while it is not complete.
   * @throws {MillraceError} `protocol` for what is no header block, `resource_exhausted` above 16 KiB.
   */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#block !== undefined) return bytes;
    const before = this.#held.length;
    const head = before === 0 ? bytes : concatBytes([this.#held, bytes.subarray(0, LENGTH_BYTES + MAX_HEADER_BLOCK_BYTES)]);
    const end = endOf(head);
    if (end === undefined || end > head.length) {
      this.#held = head.slice();
      return head.subarray(head.length);
    }
    this.#held = head.subarray(end, end);
    this.#block = parseHeaderBlock(head.subarray(LENGTH_BYTES, end));
    return bytes.subarray(end - before);
  }
}

/** Where the block ends that begins `bytes`; `undefined` while its length is not there. */
function endOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (length > MAX_HEADER_BLOCK_BYTES) throw tooLarge(length, "unknown");
  return LENGTH_BYTES + length;
}

/** A block from its bytes without the length. */
function parseHeaderBlock(bytes: Uint8Array): HeaderBlock {
  const lines = fromLatin1(bytes).split("\r\n");
  if (lines.pop() !== "") throw malformed("its last line has no end");
  let path: string | undefined;
  const headers: [string, string][] = [];
  const seen = new Set<string>();
  for (const line of lines) {
    const [name, value] = parseLine(line);
    if (seen.has(name) && isSingle(name)) throw malformed(`${name} comes twice`);
    if (name === PATH && seen.size > 0) throw malformed(`${PATH} is not its first line`);
    seen.add(name);
    if (name === PATH) path = value;
    else headers.push([name, value]);
  }
  return { path, headers };
}

function parseLine(line: string): [string, string] {
  const colon = line.indexOf(":", 1);
  if (colon < 0) throw malformed("a line has no colon");
  const name = line.slice(0, colon);
  const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
  const wrong = wrongLine(name, value);
  if (wrong !== undefined) throw malformed(wrong);
  return [name, value];
}

/** What is wrong with a header, in words that show nothing of a malformed name or a value. */
function wrongLine(name: string, value: string): string | undefined {
  if (name === PATH) return PATH_VALUE.test(value) ? undefined : `${PATH} is no path`;
  if (name.startsWith(":")) return "it has a pseudo-header other than :path";
  if (!NAME.test(name)) return "a name is not made of lower-case letters, digits and !#$%&'*+-.^_`|~";
  if (!VALUE.test(value)) return `the value of ${name} holds a control character, or one outside Latin-1`;
  return belongsToHttp(name) ? `${name} belongs to HTTP` : undefined;
}

/** What HTTP says about a connection or a body; the rest of the protocol's names is how gRPC speaks. */
function belongsToHttp(name: string): boolean {
  return isProtocolHeader(name) && !name.startsWith("grpc-") && name !== HEARTBEAT_HEADER;
}

/** Names whose second value would leave open which of them counts. */
function isSingle(name: string): boolean {
  return name === PATH || name === "authorization" || name.startsWith("grpc-") || name.startsWith("millrace-");
}

function malformed(what: string): MillraceError {
  return new MillraceError("protocol", `A header block is malformed: ${what}`, { applied: "unknown" });
}

function tooLarge(bytes: number, applied: "no" | "unknown"): MillraceError {
  return new MillraceError("resource_exhausted", `A header block has ${bytes} bytes, ${MAX_HEADER_BLOCK_BYTES} are allowed`, { applied });
}
