import { MillraceError, type Applied } from "../core/errors.js";
import type { OpenStream } from "../carrier/invoke.js";
import { payloadsOf } from "../wire/frames.js";
import type { ReadResponse } from "../../gen/static/umadb/v1/umadb.js";
import { decodeEvents } from "./codec.js";

/**
 * A message of the server.
 *
 * @param applied For the error of bytes that are no such message.
 */
export function decodeMessage<Message>(decode: (bytes: Uint8Array) => Message, bytes: Uint8Array, applied: Applied = "no"): Message {
  try {
    return decode(bytes);
  } catch (cause) {
    throw new MillraceError("protocol", "The server sent a message that cannot be decoded", { system: "umadb", applied, cause });
  }
}

/** The messages of a read or a subscription; holds what has come of one chunk. */
export interface MessageReader {
  /** Messages that have come and were not taken. */
  readonly held: ReadResponse[];
  /** Waits for another chunk and holds its messages too. @returns Their number; 0 at the end of the stream. */
  receive(): Promise<number>;
  /** Takes the next message; `undefined` at the end of the stream. */
  take(): Promise<ReadResponse | undefined>;
  /** Leaves the call and drops what is held. */
  leave(): void;
}

/** Reads a stream's messages. */
export function readMessages(stream: OpenStream): MessageReader {
  const held: ReadResponse[] = [];
  const reader: MessageReader = {
    held,
    async receive() {
      const chunk = await stream.next();
      if (chunk.done === true) return 0;
      try {
        const payloads = payloadsOf(chunk.value);
        for (const payload of payloads) held.push(decodeMessage(decodeEvents, payload));
        return payloads.length;
      } catch (error) {
        reader.leave();
        throw error;
      }
    },
    async take() {
      while (held.length === 0) if ((await reader.receive()) === 0) return undefined;
      return held.shift();
    },
    leave() {
      held.length = 0;
      void stream.return();
    },
  };
  return reader;
}
