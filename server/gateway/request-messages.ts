import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "millrace/internal/wire/frames";
import { concatBytes } from "millrace/internal/core/bytes";
import { invalid, limited, type Refusal } from "./refusal.js";

/**
 * Puts the messages of a request body together. Keeps the bytes as they came and joins them when a message is complete,
 * so that a header which announces much costs nothing before much was sent.
 */
export class RequestMessages {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #held = 0;

  constructor(maxMessageBytes: number) {
    this.#maxBytes = maxMessageBytes;
  }

  /** Bytes of the message that is not complete. */
  get held(): number {
    return this.#held;
  }

  /**
   * Takes the next bytes of the body.
   *
   * @param out Gets the messages that these bytes complete, each with its envelope.
   * @returns What is wrong with the body, if anything; it is of no use then.
   */
  push(bytes: Uint8Array, out: Uint8Array[]): Refusal | undefined {
    let rest = bytes;
    while (rest.length > 0) {
      const missing = this.#missing();
      const piece = rest.subarray(0, missing);
      rest = rest.subarray(piece.length);
      this.#keep(piece);
      if (this.#held < ENVELOPE_HEADER_BYTES) continue;
      const wrong = this.#check();
      if (wrong !== undefined) return wrong;
      if (this.#missing() === 0) out.push(this.#take());
    }
    return undefined;
  }

  /** Bytes until the header, or with a header the message, is complete. */
  #missing(): number {
    if (this.#held < ENVELOPE_HEADER_BYTES) return ENVELOPE_HEADER_BYTES - this.#held;
    return ENVELOPE_HEADER_BYTES + envelopeLength(this.#header(), 0) - this.#held;
  }

  /** The pieces' beginning; joined where the network cut through it. */
  #header(): Uint8Array {
    const first = this.#pieces[0] as Uint8Array;
    if (first.length >= ENVELOPE_HEADER_BYTES) return first;
    this.#pieces = [concatBytes(this.#pieces)];
    return this.#pieces[0] as Uint8Array;
  }

  #check(): Refusal | undefined {
    const header = this.#header();
    const flag = header[0] as number;
    if ((flag & envelopeFlag.compressed) !== 0) return invalid("A request message is compressed: send it as it is");
    if (flag !== envelopeFlag.data) return invalid("The request body holds an envelope that is no message");
    const length = envelopeLength(header, 0);
    return length > this.#maxBytes ? limited(`A request message of ${length} bytes was sent, ${this.#maxBytes} are allowed`) : undefined;
  }

  #keep(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
  }

  #take(): Uint8Array {
    const message = this.#pieces.length === 1 ? (this.#pieces[0] as Uint8Array) : concatBytes(this.#pieces);
    this.#pieces = [];
    this.#held = 0;
    return message;
  }
}
