// Reading over fetch in Node, from a source that costs nothing: ours against connect-web with protobuf-es.
import { startContestant } from "../lib/contestant.mjs";
import { byClock, interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds, speedUnit } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

/** @param {"batch" | "single"} shape */
export const readData = (shape) => (settings) => readNode(`read-${shape}`, shape, "data", settings, {
  peer: ["connect-web", "data and position, against connect-web"],
  raw: ["raw-fetch", "data and position, against fetch alone"],
});

/** @param {"batch" | "single"} shape */
export const readAll = (shape) => (settings) => readNode(`read-${shape}-all`, shape, "all", settings, {
  peer: ["connect-web", "every field, against connect-web"],
});

/** `events` are read one by one there, the way that most programs are written. */
export const readEvents = (settings) => readNode("read-events", "batch", "all", settings, {
  peer: ["connect-web", "every field, event by event, against connect-web"],
}, "millrace-events");

async function readNode(name, shape, fields, settings, peers, us = "millrace-fetch") {
  const { events } = settings;
  const source = await startSource(shape, events);
  const programs = { ours: await startContestant(us, source.web, shape) };
  for (const [peer, [module]] of Object.entries(peers)) programs[peer] = await startContestant(module, source.web, shape);
  const contestants = Object.fromEntries(Object.entries(programs).map(([who, program]) => [who, (full) => program.ask({ fields, full })]));
  const times = await interleaved(contestants, settings.rounds, byClock(settings));
  for (const program of [...Object.values(programs), source]) await program.stop();
  return Object.entries(peers).map(([peer, [, what]]) => rowOf({ name, shape: `${shape}: ${what}`, ours: speeds(times.ours, events), peer: speeds(times[peer], events), unit: speedUnit(settings) }));
}
