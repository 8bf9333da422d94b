import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "millrace/internal/wire/frames";
import { invalid, limited, type Refusal } from "./refusal.js";

/** What is set aside for a message whose length is not known yet. */
const FIRST_BYTES = 64;

const NOTHING = new Uint8Array(0);

/**
 * Puts the messages of a request body together. A message that comes whole is passed on as it is; one that the network
 * cut is copied into a buffer that at most doubles as its bytes come. So a header that announces much costs nothing
 * before much was sent, and a body in tiny pieces costs no more than its bytes.
 */
export class RequestMessages {
  readonly #maxBytes: number;
  #buffer = NOTHING;
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
      if (this.#held === 0 && rest.length >= ENVELOPE_HEADER_BYTES) {
        const wrong = this.#check(rest);
        if (wrong !== undefined) return wrong;
        const end = ENVELOPE_HEADER_BYTES + envelopeLength(rest, 0);
        if (end <= rest.length) {
          out.push(rest.subarray(0, end));
          rest = rest.subarray(end);
          continue;
        }
      }
      const piece = rest.subarray(0, this.#missing());
      rest = rest.subarray(piece.length);
      this.#keep(piece);
      if (this.#held < ENVELOPE_HEADER_BYTES) continue;
      const wrong = this.#check(this.#buffer);
      if (wrong !== undefined) return wrong;
      if (this.#missing() === 0) out.push(this.#take());
    }
    return undefined;
  }

  /** Bytes until the header, or with a header the message, is complete. */
  #missing(): number {
    if (this.#held < ENVELOPE_HEADER_BYTES) return ENVELOPE_HEADER_BYTES - this.#held;
    return this.#announced() - this.#held;
  }

  /** How long the message is that is being put together, once its header is there. */
  #announced(): number {
    return ENVELOPE_HEADER_BYTES + envelopeLength(this.#buffer, 0);
  }

  #check(header: Uint8Array): Refusal | undefined {
    const flag = header[0] as number;
    if ((flag & envelopeFlag.compressed) !== 0) return invalid("A request message is compressed: send it as it is");
    if (flag !== envelopeFlag.data) return invalid("The request body holds an envelope that is no message");
    const length = envelopeLength(header, 0);
    return length > this.#maxBytes ? limited(`A request message of ${length} bytes was sent, ${this.#maxBytes} are allowed`) : undefined;
  }

  #keep(piece: Uint8Array): void {
    const needed = this.#held + piece.length;
    if (needed > this.#buffer.length) this.#grow(needed);
    this.#buffer.set(piece, this.#held);
    this.#held = needed;
  }

  #grow(needed: number): void {
    const most = this.#held < ENVELOPE_HEADER_BYTES ? Infinity : this.#announced();
    const larger = new Uint8Array(Math.min(most, Math.max(FIRST_BYTES, needed, this.#buffer.length * 2)));
    larger.set(this.#buffer.subarray(0, this.#held));
    this.#buffer = larger;
  }

  #take(): Uint8Array {
    const message = this.#buffer.subarray(0, this.#held);
    this.#buffer = NOTHING;
    this.#held = 0;
    return message;
  }
}
