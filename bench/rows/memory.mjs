// What events weigh that are kept, and how much memory a long read takes when none is; each in a fresh process.
import { start } from "../lib/process.mjs";
import { rowOf } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

/** Memory hardly varies. */
const MOST_ROUNDS = 3;

export async function memory({ events, rounds }) {
  const source = await startSource("batch", events);
  const once = async (who, keep) => {
    const keeper = await start("programs/keeper.mjs", [who, source.web]);
    const outcome = await keeper.ask({ keep });
    await keeper.stop();
    return outcome;
  };
  const kept = { views: [], objects: [], connect: [] };
  const peaks = { views: [], connect: [] };
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
    for (const who in kept) kept[who].push((await once(who, true)).bytesPerEvent);
    for (const who in peaks) peaks[who].push((await once(who, false)).peakMb);
  }
  await source.stop();
  const row = (shape, ours, peer, unit) => rowOf({ name: "memory", shape, ours, peer, unit });
  return [
    row("batch: events kept as they come, against connect-web's", kept.views, kept.connect, "bytes/event"),
    row("batch: events kept as plain objects, against connect-web's", kept.objects, kept.connect, "bytes/event"),
    row("batch: the most while a read runs and nothing is kept, against connect-web", peaks.views, peaks.connect, "MB"),
  ];
}
