// How the source writes its streams.
import { once } from "node:events";

/** The last frame of a gRPC-Web response: status 0. */
export const OK_FRAME = trailerFrame("grpc-status: 0\r\n");

/** What a network delivers at once: envelopes are cut wherever they are. */
const PIECE = 65_536;

/** Writes all of it, `times` times over, no faster than it is taken. @returns `"ended"`, or `"left"` when the reader went away. */
export async function finite(to, body, times) {
  for (let time = 0; time < times; time++) {
    for (let from = 0; from < body.length; from += PIECE) {
      if (to.destroyed) return "left";
      if (!to.write(body.subarray(from, from + PIECE))) await drained(to);
    }
  }
  return to.destroyed ? "left" : "ended";
}

/** Says what is there, and never anything more. */
export async function endless(to, greeting) {
  to.flushHeaders?.();
  to.write(greeting);
  return "open";
}

async function drained(to) {
  const gone = new AbortController();
  await Promise.race([once(to, "drain", { signal: gone.signal }), once(to, "close", { signal: gone.signal })]);
  gone.abort();
}

function trailerFrame(text) {
  const frame = Buffer.alloc(5 + text.length);
  frame[0] = 0x80;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5, "latin1");
  return frame;
}
