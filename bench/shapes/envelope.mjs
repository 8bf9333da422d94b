/** Messages as gRPC sends them: each with a flag byte 0 and its length before it. */
export function enveloped(messages) {
  const parts = [];
  for (const message of messages) {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    parts.push(head, message);
  }
  return Buffer.concat(parts);
}

/** Yields 0, 1, … below `count`, `size` at a time. */
export function* batchesOf(count, size) {
  for (let from = 0; from < count; from += size) yield Array.from({ length: Math.min(size, count - from) }, (_, n) => from + n);
}
