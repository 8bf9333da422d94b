import { decodeWhole, type Decoder } from "millrace/internal/protobuf/decode";
import { StatusError } from "../service.js";

const INTERNAL = 13;

/** One message of a request. @throws {StatusError} The bytes are none. */
export function decoded<T>(codec: Decoder<T>, bytes: Uint8Array): T {
  try {
    return decodeWhole(codec, bytes, { strict: true });
  } catch {
    throw new StatusError(INTERNAL, "grpc: error unmarshalling request: unexpected EOF");
  }
}

/** The one request of a call. @throws {StatusError} There is none. */
export async function only<T>(messages: AsyncIterable<Uint8Array>, codec: Decoder<T>): Promise<T> {
  for await (const bytes of messages) return decoded(codec, bytes);
  throw new StatusError(INTERNAL, "Missing request message.");
}
