import { BinaryReader } from "@bufbuild/protobuf/wire";

/** A generated codec, as far as received messages need it. */
export interface Decoder<Message> {
  decode(input: BinaryReader | Uint8Array): Message;
}

/**
 * Decodes bytes that are one whole message.
 *
 * A codec called by itself is laxer: it drops a byte order mark at the beginning of a string, so that a tag or a name
 * comes back as another one, and ends early, without an error, at a tag that no field can have.
 *
 * @param options `strict` also refuses strings that are no UTF-8, as a server does; else what is none is replaced.
 * @throws {Error} The bytes are no such message.
 */
export function decodeWhole<Message>(codec: Decoder<Message>, bytes: Uint8Array, options?: { strict?: boolean }): Message {
  const text = new TextDecoder("utf-8", { ignoreBOM: true, fatal: options?.strict === true });
  const reader = new BinaryReader(bytes, (utf8) => text.decode(utf8));
  const message = codec.decode(reader);
  if (reader.pos !== reader.len) throw new Error(`the message ends at byte ${reader.pos} of ${reader.len}`);
  return message;
}
