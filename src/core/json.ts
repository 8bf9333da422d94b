import { invalidArgument } from "./arguments.js";
import { MillraceError } from "./errors.js";

/**
 * A payload that holds `value` as JSON in UTF-8.
 *
 * @throws {MillraceError} `invalid_argument` for what JSON cannot hold: `undefined`, a function, a bigint, a cycle.
 */
export function json(value: unknown): Uint8Array<ArrayBuffer> {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new MillraceError("invalid_argument", "`value` must be something that JSON can hold, without cycles and bigints", { cause });
  }
  if (text === undefined) throw invalidArgument("value", value, "must be something that JSON can hold");
  return new TextEncoder().encode(text);
}

/**
 * The value of a payload that holds JSON in UTF-8. `T` is what the caller expects; nothing checks it.
 *
 * @throws {MillraceError} `invalid_argument` when the payload holds no JSON. The error does not show the payload.
 */
export function fromJson<T = unknown>(bytes: Uint8Array): T {
  checkBytes(bytes);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as T;
  } catch {
    // The engine's own error quotes the payload, so it is not kept as the cause.
    throw new MillraceError("invalid_argument", `\`bytes\` must hold JSON in UTF-8, but its ${bytes.length} bytes do not`);
  }
}

/** A payload as text. Bytes that are no UTF-8 become the replacement character. */
export function text(bytes: Uint8Array): string {
  checkBytes(bytes);
  return new TextDecoder().decode(bytes);
}

function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw invalidArgument("bytes", bytes, "must be a Uint8Array");
}
