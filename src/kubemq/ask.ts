import { MillraceError, type Applied } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { invokeUnary } from "../carrier/invoke.js";
import { decodeWhole, type Decoder } from "../protobuf/decode.js";
import type { Method } from "../wire/methods.js";
import type { Broker } from "./broker.js";

/** The answer of a call with one. */
export async function ask<Answer>({ connection }: Broker, method: Method, request: Uint8Array, answer: Decoder<Answer>, options: CallOptions): Promise<Answer> {
  return decode(answer, await invokeUnary(connection, method, request, options), method.repeatable ? "no" : "unknown");
}

/**
 * A message of the broker.
 *
 * @throws {MillraceError} `protocol` for what is none.
 */
export function decode<Message>(codec: Decoder<Message>, bytes: Uint8Array, applied: Applied): Message {
  try {
    // Node's own connections bring Buffers, whose slices would reach the caller as such.
    return decodeWhole(codec, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (cause) {
    throw new MillraceError("protocol", "The broker sent what is no message", { system: "kubemq", applied, cause });
  }
}
