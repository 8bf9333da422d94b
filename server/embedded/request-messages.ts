import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "millrace/internal/wire/frames";
import { StatusError } from "./service.js";

/**
 * The payloads of a request's body, cut anywhere by the network. A message's length is judged before anything of it is kept.
 *
 * @param encoding The `grpc-encoding` of the request.
 * @throws {StatusError} What the real servers' gRPC library says: UNIMPLEMENTED for a compressed body, OUT_OF_RANGE for
 *   a message above the limit, INTERNAL for a body that is cut or no gRPC.
 */
export async function* requestMessages(body: AsyncIterable<Uint8Array>, maxBytes: number, encoding: string | null): AsyncGenerator<Uint8Array> {
  if (encoding !== null && encoding !== "identity") {
    throw new StatusError(12, `Content is compressed with \`${encoding}\` which isn't supported`, { headers: { "grpc-accept-encoding": "identity" } });
  }
  const held = new HeldBytes();
  let awaited: number | undefined;
  for await (const bytes of body) {
    held.push(bytes);
    for (;;) {
      if (awaited === undefined && held.size >= ENVELOPE_HEADER_BYTES) awaited = announced(held.take(ENVELOPE_HEADER_BYTES), maxBytes);
      if (awaited === undefined || held.size < awaited) break;
      yield held.take(awaited);
      awaited = undefined;
    }
  }
  if (awaited !== undefined || held.size > 0) throw new StatusError(13, "Unexpected EOF decoding stream.");
}

/** Refuses a message above the limit. @throws {StatusError} */
export function checkRequestSize(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new StatusError(11, `Error, decoded message length too large: found ${bytes} bytes, the limit is: ${maxBytes} bytes`);
}

function announced(header: Uint8Array, maxBytes: number): number {
  if (header[0] !== envelopeFlag.data) throw new StatusError(13, `A request message has the flags ${header[0]}, only 0 is understood`);
  const length = envelopeLength(header, 0);
  checkRequestSize(length, maxBytes);
  return length;
}

/** Bytes that came and are not yet used; each is copied once at most. */
class HeldBytes {
  #pieces: Uint8Array[] = [];
  size = 0;

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.size += bytes.length;
  }

  /** The next `length` bytes, of which so many must be there. */
  take(length: number): Uint8Array {
    const [first = new Uint8Array(0)] = this.#pieces;
    this.size -= length;
    if (first.length > length) {
      this.#pieces[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    if (first.length === length) {
      this.#pieces.shift();
      return first;
    }
    return this.#join(length);
  }

  #join(length: number): Uint8Array {
    const joined = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const piece = this.#pieces.shift() as Uint8Array;
      const used = piece.subarray(0, length - at);
      joined.set(used, at);
      at += used.length;
      if (used.length < piece.length) this.#pieces.unshift(piece.subarray(used.length));
    }
    return joined;
  }
}
