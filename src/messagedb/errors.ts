import { MillraceError, type MillraceErrorOptions } from "../core/errors.js";

/**
 * The stream was not at the expected version. Nothing was written: read again, decide again.
 *
 * Where another copy of the library may be in the page, look at its `name` instead of asking `instanceof`.
 */
export class WrongExpectedVersionError extends MillraceError {
  override name = "WrongExpectedVersionError";
  /** The stream's name. */
  readonly stream: string;
  /** What the write expected. */
  readonly expected: bigint | "no_stream";
  /** The position of the stream's last message, `undefined` where it has none: what `streamVersion()` says. */
  readonly actual: bigint | undefined;

  constructor(
    versions: { stream: string; expected: bigint | "no_stream"; actual: bigint | undefined },
    options: MillraceErrorOptions = {},
  ) {
    const { stream, expected, actual } = versions;
    super("conflict", `Stream ${JSON.stringify(stream)} is at version ${actual ?? "no_stream"}, expected ${expected}`, { system: "messagedb", ...options });
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The store has another message with the id of one that was to be written. Nothing was written. */
export class DuplicateMessageError extends MillraceError {
  override name = "DuplicateMessageError";
  /** The id, or `undefined` where it is not known which message of a batch it was. */
  readonly id: string | undefined;

  constructor(id: string | undefined, options: MillraceErrorOptions = {}) {
    super("conflict", `A message with the id ${id ?? "of one of these"} is already in the store`, { system: "messagedb", ...options });
    this.id = id;
  }
}
