import { frameType } from "./h2-frames.js";

const HEADER_BYTES = 9;
const SETTING_BYTES = 6;
const MAX_CONCURRENT_STREAMS = 3;

/**
 * Makes a server's first SETTINGS frame announce a stream limit.
 *
 * @returns What to forward for each chunk that the server sent: nothing until that frame is whole, then everything.
 */
export function announceStreams(limit: number): (chunk: Buffer) => Buffer {
  let held: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    if (held === undefined) return chunk;
    held = Buffer.concat([held, chunk]);
    const end = held.length < HEADER_BYTES ? Infinity : HEADER_BYTES + held.readUIntBE(0, 3);
    if (held.length < end) return Buffer.alloc(0);
    const changed = Buffer.concat([withLimit(held.subarray(0, end), limit), held.subarray(end)]);
    held = undefined;
    return changed;
  };
}

function withLimit(frame: Buffer, limit: number): Buffer {
  if (frame.readUInt8(3) !== frameType.settings) throw new Error("A server's first frame is SETTINGS");
  const settings: Buffer[] = [];
  for (let at = HEADER_BYTES; at < frame.length; at += SETTING_BYTES) {
    if (frame.readUInt16BE(at) !== MAX_CONCURRENT_STREAMS) settings.push(frame.subarray(at, at + SETTING_BYTES));
  }
  const announced = Buffer.alloc(SETTING_BYTES);
  announced.writeUInt16BE(MAX_CONCURRENT_STREAMS, 0);
  announced.writeUInt32BE(limit, 2);
  const header = Buffer.from(frame.subarray(0, HEADER_BYTES));
  header.writeUIntBE((settings.length + 1) * SETTING_BYTES, 0, 3);
  return Buffer.concat([header, ...settings, announced]);
}
