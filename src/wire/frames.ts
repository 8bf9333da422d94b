import { MillraceError } from "../core/errors.js";
import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "./envelope.js";

export { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "./envelope.js";

/** The largest trailer frame that is read, in bytes. */
export const MAX_TRAILER_BYTES = 1024 * 1024;

/** The five bytes that a gateway sends on a quiet stream. */
export function heartbeatFrame(): Uint8Array<ArrayBuffer> {
  return envelope(envelopeFlag.heartbeat, new Uint8Array(0));
}

/** `payload` in a data envelope. */
export function encodeEnvelope(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return envelope(envelopeFlag.data, payload);
}

/** A serialised trailer block as gRPC-Web's last envelope. */
export function encodeTrailerFrame(block: Uint8Array): Uint8Array<ArrayBuffer> {
  return envelope(envelopeFlag.trailers, block);
}

/** Each payload in its data envelope, one after the other, in one array. */
export function encodeEnvelopes(payloads: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const payload of payloads) length += ENVELOPE_HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const payload of payloads) at = write(bytes, at, envelopeFlag.data, payload);
  return bytes;
}

function envelope(flag: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENVELOPE_HEADER_BYTES + payload.length);
  write(bytes, 0, flag, payload);
  return bytes;
}

function write(bytes: Uint8Array, at: number, flag: number, payload: Uint8Array): number {
  bytes[at] = flag;
  new DataView(bytes.buffer).setUint32(at + 1, payload.length);
  bytes.set(payload, at + ENVELOPE_HEADER_BYTES);
  return at + ENVELOPE_HEADER_BYTES + payload.length;
}

/**
 * The payloads of a chunk that begins and ends at an envelope boundary, as views on it.
 *
 * @throws {MillraceError} `protocol` when the chunk is no such thing.
 */
export function payloadsOf(chunk: Uint8Array): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let at = 0;
  while (at < chunk.length) {
    const start = at + ENVELOPE_HEADER_BYTES;
    const end = start <= chunk.length ? start + envelopeLength(chunk, at) : Infinity;
    if (end > chunk.length || chunk[at] !== envelopeFlag.data) {
      throw new MillraceError("protocol", "A chunk does not consist of whole data envelopes");
    }
    payloads.push(chunk.subarray(start, end));
    at = end;
  }
  return payloads;
}
