import { isMillraceError, MillraceError, type ErrorCode } from "../core/errors.js";
import { ENVELOPE_HEADER_BYTES, envelopeFlag, envelopeLength } from "./envelope.js";
import { MAX_TRAILER_BYTES } from "./frames.js";

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
  readonly #options: EnvelopeReaderOptions;
  /** An envelope that the network cut: at first room for its header, then for all of it. */
  #cut: Uint8Array | undefined;
  #filled = 0;
  #trailerBlock: Uint8Array | undefined;
  #failure: unknown;

  constructor(options: EnvelopeReaderOptions) {
    this.#options = options;
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
      this.#scan(bytes, out);
    } catch (error) {
      this.#cut = undefined;
      // A limit set very high can let through a length that the engine has no memory for.
      throw (this.#failure = isMillraceError(error) ? error : refused("resource_exhausted", "A message came for which there is no memory", error));
    }
  }

  /**
   * The body has ended.
   *
   * @throws {MillraceError} `unavailable` when that was in the middle of an envelope.
   */
  end(): void {
    if (this.#cut !== undefined) this.#failure ??= refused("unavailable", "The response ended in the middle of a message");
    if (this.#failure !== undefined) throw this.#failure;
  }

  #scan(bytes: Uint8Array, out: Uint8Array[]): void {
    let at = 0;
    /** Where the data envelopes begin that came whole and were not passed on yet. */
    let run = 0;
    const passOn = (): void => {
      if (at > run) out.push(bytes.subarray(run, at));
      run = at;
    };
    try {
      while (at < bytes.length) {
        if (this.#cut !== undefined) {
          run = at += this.#fill(this.#cut, bytes.subarray(at), out);
          continue;
        }
        if (this.#trailerBlock !== undefined) throw refused("protocol", "The response goes on after its trailers");
        const end = bytes.length - at < ENVELOPE_HEADER_BYTES ? Infinity : at + this.#lengthAt(bytes, at);
        if (end > bytes.length) {
          passOn();
          this.#cut = new Uint8Array(ENVELOPE_HEADER_BYTES);
          this.#filled = 0;
        } else if (bytes[at] === envelopeFlag.data) {
          at = end;
        } else {
          passOn();
          this.#take(bytes.subarray(at, end), out);
          run = at = end;
        }
      }
    } finally {
      passOn();
    }
  }

  /** Fills the envelope that is cut. @returns How many of `bytes` that took. */
  #fill(cut: Uint8Array, bytes: Uint8Array, out: Uint8Array[]): number {
    const piece = bytes.subarray(0, cut.length - this.#filled);
    cut.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === cut.length) {
      const length = this.#filled === ENVELOPE_HEADER_BYTES ? this.#lengthAt(cut, 0) : 0;
      this.#cut = length > this.#filled ? new Uint8Array(length) : undefined;
      if (this.#cut === undefined) this.#take(cut, out);
      else this.#cut.set(cut);
    }
    return piece.length;
  }

  /** Takes one whole envelope of any kind. */
  #take(envelope: Uint8Array, out: Uint8Array[]): void {
    if (envelope[0] === envelopeFlag.data) out.push(envelope);
    else if (envelope[0] === envelopeFlag.trailers) this.#trailerBlock = envelope.subarray(ENVELOPE_HEADER_BYTES);
  }

  /** The length of the envelope at `at`, if such an envelope may come. */
  #lengthAt(bytes: Uint8Array, at: number): number {
    const { maxMessageBytes, framing } = this.#options;
    const flag = bytes[at] as number;
    const length = envelopeLength(bytes, at);
    const isData = flag === envelopeFlag.data;
    if (!isData && (framing === "grpc" || (flag !== envelopeFlag.trailers && (flag !== envelopeFlag.heartbeat || length > 0)))) {
      throw refused("protocol", flag === envelopeFlag.compressed ? "A compressed message came" : `A message with the unexpected flags 0x${flag.toString(16)} came`);
    }
    const max = isData ? maxMessageBytes : MAX_TRAILER_BYTES;
    if (length > max) throw refused("resource_exhausted", `A message of ${length} bytes came, ${max} are allowed${isData ? " (maxMessageBytes)" : ""}`);
    return ENVELOPE_HEADER_BYTES + length;
  }
}

function refused(code: ErrorCode, message: string, cause?: unknown): MillraceError {
  return new MillraceError(code, message, { applied: "unknown", cause });
}
