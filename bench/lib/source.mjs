import { start } from "./process.mjs";

/**
 * A store that costs nothing, in a process of its own: `web` is its gRPC-Web address, `native` its gRPC one.
 *
 * @param {"batch" | "single" | "stored"} shape What its answers look like.
 * @param {number} events How many there are.
 * @param {number} [times] How often a response repeats them.
 */
export async function startSource(shape, events, times = 1) {
  const source = await start("programs/source.mjs", [shape, String(events), String(times)]);
  return { ...source.ready, stop: source.stop };
}
