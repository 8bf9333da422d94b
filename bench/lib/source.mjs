import { start } from "./process.mjs";

/**
 * A store that costs nothing, in a process of its own: `web` is its gRPC-Web address, `native` its gRPC one.
 *
 * @param {"batch" | "single" | "stored"} shape What its answers look like.
 */
export async function startSource(shape, events) {
  const source = await start("programs/source.mjs", [shape, String(events)]);
  return { ...source.ready, stop: source.stop };
}
