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

/** The messages of a read or a subscription, one at a time; holds what has come of one chunk. */
export class MessageReader {
  /** Messages that have come and were not taken. */
  readonly held: ReadResponse[] = [];
  readonly #stream: OpenStream;

  constructor(stream: OpenStream) {
    this.#stream = stream;
  }

  /** Takes the next message; `undefined` at the end of the stream. */
  async take(): Promise<ReadResponse | undefined> {
    while (this.held.length === 0) if (!(await this.receive())) return undefined;
    return this.held.shift();
  }

  /** Waits for another chunk and holds its messages too. False at the end of the stream. */
  async receive(): Promise<boolean> {
    const chunk = await this.#stream.next();
    if (chunk.done === true) return false;
    try {
      for (const payload of payloadsOf(chunk.value)) this.held.push(decodeMessage(decodeEvents, payload));
    } catch (error) {
      this.leave();
      throw error;
    }
    return true;
  }

  /** Leaves the call and drops what is held. */
  leave(): void {
    this.held.length = 0;
    void this.#stream.return();
  }
}
