import { ENVELOPE_HEADER_BYTES } from "millrace/internal/wire/frames";

/** Follows the envelopes of bytes that pass by, by counting alone: nothing is copied or kept. */
export class EnvelopeCounter {
  #header = 0;
  #length = 0;
  #missing = 0;
  #completed = 0;

  /** Envelopes that came to their end so far. */
  get completed(): number {
    return this.#completed;
  }

  /** Whether the bytes so far end where an envelope ends. */
  get atBoundary(): boolean {
    return this.#header === 0 && this.#missing === 0;
  }

  /** Payload bytes that the open envelope still lacks; 0 while its length is not known. */
  get missing(): number {
    return this.#missing;
  }

  /** Takes note of the next bytes. */
  count(bytes: Uint8Array): void {
    this.#follow(bytes, bytes.length, false);
  }

  /** Takes note of the bytes that end the open envelope, and returns how many those are; all of them when it goes on. */
  countToBoundary(bytes: Uint8Array): number {
    return this.#follow(bytes, bytes.length, true);
  }

  #follow(bytes: Uint8Array, end: number, stopAtBoundary: boolean): number {
    let at = 0;
    while (at < end) {
      if (this.#missing > 0) {
        const step = Math.min(this.#missing, end - at);
        this.#missing -= step;
        at += step;
      } else {
        if (this.#header > 0) this.#length = this.#length * 256 + (bytes[at] as number);
        at += 1;
        this.#header += 1;
        if (this.#header < ENVELOPE_HEADER_BYTES) continue;
        this.#missing = this.#length;
        this.#header = 0;
        this.#length = 0;
      }
      if (this.#missing > 0) continue;
      this.#completed += 1;
      if (stopAtBoundary) return at;
    }
    return at;
  }
}
