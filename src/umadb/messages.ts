import type { PayloadCodec } from "../core/codec.js";
import type { OpenStream } from "../carrier/invoke.js";
import { readBatches, type ReceivedBatch } from "./views.js";

/** The messages of a read or a subscription; holds what has come of one chunk. */
export interface MessageReader<Data> {
  /** Messages that have come and were not taken. */
  readonly held: ReceivedBatch<Data>[];
  /** Waits for another chunk and holds its messages too. @returns Their number; 0 at the end of the stream. */
  receive(): Promise<number>;
  /** Takes the next message; `undefined` at the end of the stream. */
  take(): Promise<ReceivedBatch<Data> | undefined>;
  /** Leaves the call and drops what is held. */
  leave(): void;
}

/** Reads a stream's messages. */
export function readMessages<Data>(stream: OpenStream, codec: PayloadCodec<Data> | undefined): MessageReader<Data> {
  const held: ReceivedBatch<Data>[] = [];
  const reader: MessageReader<Data> = {
    held,
    async receive() {
      const chunk = await stream.next();
      if (chunk.done === true) return 0;
      try {
        const messages = readBatches(chunk.value, codec);
        held.push(...messages);
        return messages.length;
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
