/** The chunks of one server stream that our carrier brings; each holds whole envelopes. */
export async function* chunksOf(carrier, path) {
  const { chunks } = carrier.call({ path, kind: "server", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array(0)] });
  for (let chunk; !(chunk = await chunks.next()).done;) yield chunk.value;
}
