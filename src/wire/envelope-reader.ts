import { MillraceError } from "../core/errors.js";
import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength, MAX_TRAILER_BYTES } from "./frames.js";

/** What an {@link EnvelopeReader} accepts. */
export interface EnvelopeReaderOptions {
  /** The largest payload, in bytes; judged by the envelope's header, before anything of it is kept. */
  maxMessageBytes: number;
  /** `grpc-web` (the default) has a trailer frame at the end and may have heartbeats between; `grpc` has data only. */
  framing?: "grpc" | "grpc-web" | undefined;
}

/**
 * Turns a response body, cut anywhere, into chunks that begin and end at an envelope boundary and hold data envelopes
 * only. What came whole is passed on as a view without copying; an envelope that the network cut is joined by one copy.
 * Never keeps more than one envelope, nor looks at a byte twice.
 */
export class EnvelopeReader {
  readonly #maxMessageBytes: number;
  readonly #web: boolean;
  /** An envelope that the network cut: at first its header, then a buffer of its exact size. */
  #cut: Uint8Array | undefined;
  #filled = 0;
  #trailerBlock: Uint8Array | undefined;
  #failure: MillraceError | undefined;

  constructor(options: EnvelopeReaderOptions) {
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#web = options.framing !== "grpc";
  }

  /** The payload of gRPC-Web's trailer frame, once it came. */
  get trailerBlock(): Uint8Array | undefined {
    return this.#trailerBlock;
  }

  /**
   * Takes the next bytes of the body.
   *
   * @param out Gets the chunks that these bytes complete, in order; also what came whole before a violation, so the
   *   messages do not depend on where the network cut.
   * @throws {MillraceError} `protocol` for a compressed message, unknown flags or anything after the trailer frame;
   *   `resource_exhausted` for a message above the limit. The reader throws the same from then on.
   */
  push(bytes: Uint8Array, out: Uint8Array[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#scan(bytes, this.#fill(bytes, 0, out), out);
    } catch (error) {
      this.#failure = error as MillraceError;
      this.#cut = undefined;
      throw error;
    }
  }

  /**
   * The body has ended.
   *
   * @throws {MillraceError} `unavailable` when that was in the middle of an envelope.
   */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#cut === undefined) return;
    this.#failure = new MillraceError("unavailable", "The response ended in the middle of a message", { applied: "unknown" });
    throw this.#failure;
  }

  /** Fills the envelope that is cut. @returns Where in `bytes` the next one begins. */
  #fill(bytes: Uint8Array, from: number, out: Uint8Array[]): number {
    let at = from;
    while (this.#cut !== undefined && at < bytes.length) {
      const piece = bytes.subarray(at, at + this.#cut.length - this.#filled);
      this.#cut.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === this.#cut.length) this.#filledUp(this.#cut, out);
    }
    return at;
  }

  #filledUp(cut: Uint8Array, out: Uint8Array[]): void {
    const length = cut.length === ENVELOPE_HEADER_BYTES ? this.#check(cut, 0) : 0;
    this.#cut = length > 0 ? allocate(ENVELOPE_HEADER_BYTES + length) : undefined;
    if (this.#cut === undefined) this.#deliver(cut, 0, cut.length, out);
    else this.#cut.set(cut);
  }

  #scan(bytes: Uint8Array, from: number, out: Uint8Array[]): void {
    let run = from;
    let at = from;
    try {
      while (bytes.length - at >= ENVELOPE_HEADER_BYTES) {
        const end = at + ENVELOPE_HEADER_BYTES + this.#check(bytes, at);
        if (end > bytes.length) break;
        if (bytes[at] !== envelopeFlag.data) {
          run = this.#passOn(bytes, run, at, out);
          this.#deliver(bytes, at, end, out);
          run = end;
        }
        at = end;
      }
    } finally {
      this.#passOn(bytes, run, at, out);
    }
    if (at === bytes.length) return;
    if (this.#trailerBlock !== undefined) throw afterTrailers();
    this.#cut = new Uint8Array(ENVELOPE_HEADER_BYTES);
    this.#filled = 0;
    this.#fill(bytes, at, out);
  }

  #passOn(bytes: Uint8Array, from: number, to: number, out: Uint8Array[]): number {
    if (to > from) out.push(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    return to;
  }

  /** Hands on one whole envelope of any kind. */
  #deliver(bytes: Uint8Array, at: number, end: number, out: Uint8Array[]): void {
    const flag = bytes[at];
    if (flag === envelopeFlag.data) this.#passOn(bytes, at, end, out);
    else if (flag === envelopeFlag.trailers) this.#trailerBlock = bytes.subarray(at + ENVELOPE_HEADER_BYTES, end);
  }

  /** The payload length of the envelope at `at`, if such an envelope may come now. */
  #check(bytes: Uint8Array, at: number): number {
    if (this.#trailerBlock !== undefined) throw afterTrailers();
    const flag = bytes[at] as number;
    const length = envelopeLength(bytes, at);
    if (flag === envelopeFlag.data) {
      if (length > this.#maxMessageBytes) throw tooLarge("A message", length, `${this.#maxMessageBytes} are allowed (maxMessageBytes)`);
    } else if (flag === envelopeFlag.trailers && this.#web) {
      if (length > MAX_TRAILER_BYTES) throw tooLarge("A trailer frame", length, `${MAX_TRAILER_BYTES} are allowed`);
    } else if (flag !== envelopeFlag.heartbeat || !this.#web || length !== 0) {
      throw unexpectedFlag(flag);
    }
    return length;
  }
}

function afterTrailers(): MillraceError {
  return new MillraceError("protocol", "The response goes on after its trailers", { applied: "unknown" });
}

function tooLarge(what: string, length: number, rule: string, cause?: unknown): MillraceError {
  return new MillraceError("resource_exhausted", `${what} of ${length} bytes came, ${rule}`, { applied: "unknown", cause });
}

/** A limit set very high can let through a length that the engine has no memory for. */
function allocate(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw tooLarge("A message", bytes - ENVELOPE_HEADER_BYTES, "which is more than there is memory for", cause);
  }
}

function unexpectedFlag(flag: number): MillraceError {
  const what = flag === envelopeFlag.compressed ? "A compressed message" : `A message with the unexpected flags 0x${flag.toString(16)}`;
  return new MillraceError("protocol", `${what} came`, { applied: "unknown" });
}
