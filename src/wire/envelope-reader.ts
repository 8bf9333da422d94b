import { MillraceError, type ErrorCode } from "../core/errors.js";
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
  #failure: unknown;

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
      this.#scan(bytes, out);
    } catch (error) {
      this.#failure = error;
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
    if (this.#cut !== undefined) this.#failure ??= refused("unavailable", "The response ended in the middle of a message");
    if (this.#failure !== undefined) throw this.#failure;
  }

  #scan(bytes: Uint8Array, out: Uint8Array[]): void {
    let at = 0;
    /** Where the data envelopes begin that came whole and were not passed on yet. */
    let run = 0;
    const passOn = (): void => {
      if (at > run) out.push(bytes.subarray(run, at));
    };
    while (at < bytes.length) {
      if (this.#cut !== undefined) {
        at += this.#fill(this.#cut, bytes.subarray(at), out);
        run = at;
        continue;
      }
      let end = Infinity;
      try {
        if (this.#trailerBlock !== undefined) throw refused("protocol", "The response goes on after its trailers");
        if (bytes.length - at >= ENVELOPE_HEADER_BYTES) end = at + ENVELOPE_HEADER_BYTES + this.#check(bytes, at);
      } catch (error) {
        passOn();
        throw error;
      }
      if (end > bytes.length) {
        passOn();
        this.#cut = new Uint8Array(ENVELOPE_HEADER_BYTES);
        this.#filled = 0;
      } else if (bytes[at] === envelopeFlag.data) {
        at = end;
      } else {
        passOn();
        this.#deliver(bytes.subarray(at, end), out);
        run = at = end;
      }
    }
    passOn();
  }

  /** Fills the envelope that is cut. @returns How many of `bytes` that took. */
  #fill(cut: Uint8Array, bytes: Uint8Array, out: Uint8Array[]): number {
    const piece = bytes.subarray(0, cut.length - this.#filled);
    cut.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < cut.length) return piece.length;
    const length = cut.length === ENVELOPE_HEADER_BYTES ? this.#check(cut, 0) : 0;
    if (length > 0) {
      this.#cut = allocate(length);
      this.#cut.set(cut);
    } else {
      this.#cut = undefined;
      this.#deliver(cut, out);
    }
    return piece.length;
  }

  /** Hands on one whole envelope of any kind. */
  #deliver(envelope: Uint8Array, out: Uint8Array[]): void {
    if (envelope[0] === envelopeFlag.data) out.push(envelope);
    else if (envelope[0] === envelopeFlag.trailers) this.#trailerBlock = envelope.subarray(ENVELOPE_HEADER_BYTES);
  }

  /** The payload length of the envelope at `at`, if such an envelope may come. */
  #check(bytes: Uint8Array, at: number): number {
    const flag = bytes[at] as number;
    const length = envelopeLength(bytes, at);
    const [what, max] = flag === envelopeFlag.data ? ["message", this.#maxMessageBytes] as const
      : this.#web && flag === envelopeFlag.trailers ? ["trailer frame", MAX_TRAILER_BYTES] as const
      : this.#web && flag === envelopeFlag.heartbeat && length === 0 ? ["heartbeat", 0] as const
      : [];
    if (what === undefined) {
      throw refused("protocol", flag === envelopeFlag.compressed ? "A compressed message came" : `A message with the unexpected flags 0x${flag.toString(16)} came`);
    }
    if (length > max) throw refused("resource_exhausted", `A ${what} of ${length} bytes came, ${max} are allowed${flag === envelopeFlag.data ? " (maxMessageBytes)" : ""}`);
    return length;
  }
}

function refused(code: ErrorCode, message: string, cause?: unknown): MillraceError {
  return new MillraceError(code, message, { applied: "unknown", cause });
}

/** Room for an envelope. A limit set very high can let through a length that the engine has no memory for. */
function allocate(length: number): Uint8Array {
  try {
    return new Uint8Array(ENVELOPE_HEADER_BYTES + length);
  } catch (cause) {
    throw refused("resource_exhausted", `A message of ${length} bytes came, there is no memory for it`, cause);
  }
}
